"""The Python front door: sessions, questions, settings, and the choice of adapters."""
