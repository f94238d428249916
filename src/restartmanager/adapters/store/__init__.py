"""The session memory, which outlives the processes that share it."""
