"""Services of supervisord, which calls them programs."""
