"""Trained models of attempts and plans: durations, survival, costs, and their training.

Here: models, their training and their bytes. Not here: which version is in use (`registry`).
"""
