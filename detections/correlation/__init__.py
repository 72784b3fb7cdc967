"""Correlations: hits of rules in, firings out, in event time and with bounded state. Pure."""
