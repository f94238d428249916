"""Adapters: all that touches the machine, each module or folder behind one of the ports."""
