"""Ports: what the engine needs from the machine, as protocols.

Each port has a real adapter (in ``adapters``) and a simulated one (in ``testing``), and both pass
the same contract tests (``testing.contracts``).
"""
