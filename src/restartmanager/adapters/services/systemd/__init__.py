"""Units of systemd, over its bus."""
