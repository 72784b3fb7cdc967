"""One module per Kafka API key: decoded request in, response out."""
