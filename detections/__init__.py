"""Sigma rules over a stream of events."""
