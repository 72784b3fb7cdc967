"""The Kafka seam: the only package that knows a Kafka client."""
