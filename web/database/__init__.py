"""The console's own tables, their migrations, and the outbox that carries decisions to the bus."""
