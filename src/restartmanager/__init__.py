"""A Restart Manager for Linux.

Tell it what you are about to change; it says which applications and services use that, closes
them politely, and brings them back afterwards.
"""

__version__ = "0.1.0"
