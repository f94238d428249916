"""The Python API: sessions, questions, settings, and the choice of adapters."""
