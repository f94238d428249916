"""Linux: looking at processes and files, signalling, starting."""
