"""Facts from ``/proc``, and about files, that several adapters need."""
