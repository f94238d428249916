"""Decisions as pure functions: they take facts, and return applications and plans.

No module here looks at the system. Each begins with an example, which the tests run.
"""
