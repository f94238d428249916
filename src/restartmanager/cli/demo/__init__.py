"""The play that ``restartctl demo`` shows, with real processes."""
