"""Guessing the optimal plan in milliseconds: from memory, a learned predictor, and list scheduling for the rest."""
