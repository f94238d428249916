"""Simulated adapters for all ports, and contract tests that they and the real ones pass."""
