"""The verbs of ``restartctl``: a module each, or several for one with verbs of its own."""
