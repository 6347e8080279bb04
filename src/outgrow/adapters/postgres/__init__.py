"""PostgreSQL: a server of our own on one machine, or anybody's by URL."""
