"""Asking the kernel itself who holds files: BPF iterators, loaded from plain Python.

``iterator`` is the door. Behind it: ``loaded`` (programs in the kernel, and the proof of their
answers), ``program`` (what the kernel runs), ``bpf`` (the system call), ``facts`` and ``btf`` (the
numbers about the running kernel, kept and read). No compiler and no library takes part.
"""
