"""The tests again and again, half of the time beside busy loops: what wavers shows."""
