"""Looks at the whole machine: who holds which file, and who runs replaced code."""
