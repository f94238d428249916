"""What really happens on machines, with the truth known: who finds it, and who does not."""
