"""Adapters of the port ServiceManager: who runs services on this machine."""
