"""Screens molecules in batches: a surrogate first, better methods where it is unsure, and no more than needed."""
