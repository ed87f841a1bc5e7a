"""Statistics updated with every outcome: calibration, drift, the ledger of gate decisions.

Here: what is cheap enough for every outcome. Not here: models that are trained (`models`, `predictor`).
"""
