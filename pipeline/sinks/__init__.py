"""Topics to their final places."""
