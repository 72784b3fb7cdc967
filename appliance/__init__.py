"""Everything put together: one command, one configuration file."""
