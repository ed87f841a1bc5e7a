"""What a run looks like from outside: the answers of the API and the functions that compute them from a run.

Here: models and projections. Not here: decisions, storage.
"""
