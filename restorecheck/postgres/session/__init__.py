"""Connections to a server, statements, and the meaning of their errors."""
