"""Who reads which partition and how far; whose transaction is open."""
