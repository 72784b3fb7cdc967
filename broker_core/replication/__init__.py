"""Copies of partitions on several nodes: who leads, who follows, and the controller of both."""
