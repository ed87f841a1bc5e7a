"""What the API shows of a run: the models of its answers and the functions that compute them.

Here: models and pure projections of a run's state. Not here: decisions, storage, HTTP.
"""
