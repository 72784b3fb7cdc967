"""Web servers and proxies: access logs."""
