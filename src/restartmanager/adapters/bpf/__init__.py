"""Asking the kernel itself who holds files and which code runs: BPF iterators, loaded from plain
Python.

``iterator`` is the door. Behind it: ``loaded`` and ``code`` (programs in the kernel, and the proof
of their answers), ``program`` and ``code_program`` (what the kernel runs), ``instructions`` (of
what they consist), ``bpf`` (the system call), ``facts`` and ``btf`` (the numbers about the running
kernel, kept and read). No compiler and no library takes part.
"""
