"""Contract tests of the ports: tests that every adapter passes, simulated or real."""
