"""Services of systemd, over D-Bus."""
