"""How Tocsin itself is doing: roles, topics, groups, lag, and the ledger of what came in."""
