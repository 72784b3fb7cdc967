"""The console: what people see, and the JSON API for machines."""
