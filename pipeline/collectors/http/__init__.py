"""Push endpoints over HTTP, one module per dialect."""
