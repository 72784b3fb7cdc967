"""Cloud and application logs in JSON; one module per log source, each a DocumentSource."""
