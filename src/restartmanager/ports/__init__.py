"""The doors to the world: what the work needs from outside, as protocols.

Each has a real adapter (``store``, ``linux``) and a simulated one (``testing``), and both pass the
same contract tests (``testing``).
"""
