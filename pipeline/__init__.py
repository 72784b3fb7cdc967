"""The data plane around the log: collect, parse, enrich, carry, store."""
