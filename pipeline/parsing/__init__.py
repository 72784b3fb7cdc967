"""Raw bytes to named fields; one module per format. Pure."""
