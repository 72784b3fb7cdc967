"""Firewalls, routers, name servers: what boxes send by syslog."""
