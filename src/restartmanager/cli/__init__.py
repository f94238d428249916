"""``restartctl``, the command line: the only part of this package that prints."""
