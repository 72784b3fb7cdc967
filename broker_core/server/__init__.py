"""Sockets: bytes in, bytes out, in order; knows frames but no API."""
