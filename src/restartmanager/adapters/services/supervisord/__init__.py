"""Programs that a supervisord runs."""
