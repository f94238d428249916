"""What every adapter of a port must do: tests that the simulated and the real one pass."""
