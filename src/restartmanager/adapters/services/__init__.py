"""Adapters of the port ``ServiceManager``: the managers that run services on this machine."""
