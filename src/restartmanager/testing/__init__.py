"""The doors to the world simulated, and the contracts that the real ones pass as well."""
