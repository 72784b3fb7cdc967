"""Kafka bytes to messages and back; no sockets, files, clocks or threads."""
