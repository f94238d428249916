"""What ``restartctl doctor`` looks at."""
