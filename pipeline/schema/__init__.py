"""The common language of all parts: what flows, and under which names. Pure."""
