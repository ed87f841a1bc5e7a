"""Statistics that every outcome updates at once, in constant time and bounded memory.

Here: survival rates, duration windows, calibration, drift detection, the gate's ledger, a sample of outcomes.
Not here: models trained from that sample (`learner.models`).
"""
