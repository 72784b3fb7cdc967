"""Metric samples by push and by scrape."""
