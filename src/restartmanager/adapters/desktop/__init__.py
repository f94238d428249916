"""Desktops: windows that can be closed, and entries by which applications are started."""
