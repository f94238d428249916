"""Reading ``/proc``: the facts that several adapters need."""
