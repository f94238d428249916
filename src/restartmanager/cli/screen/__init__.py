"""The full-screen view of ``restartctl ui``: the installer's "files in use" page for terminals."""
