"""Questions to the kernel itself, who holds files and which code runs: by BPF iterators.

Callers use ``iterator``. Behind it, from above to below:

- ``loader`` and ``running_code`` load programs, ask, and prove the answers;
- ``holders_program`` and ``running_code_program`` are what the kernel runs, put together from
  ``program_parts`` and ``instructions``;
- ``kernel_layout`` keeps the numbers about the running kernel, which ``btf`` reads;
- ``syscall`` is the system call.

They are loaded from plain Python: no compiler and no library takes part.
"""
