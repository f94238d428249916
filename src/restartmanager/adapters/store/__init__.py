"""Session memory: everything that outlives the process which wrote it."""
