"""The operations on sessions, over ports: look, ask, close, restart, refresh, recover."""
