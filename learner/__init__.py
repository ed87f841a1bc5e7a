"""Outcomes, features, models, calibration, registry. Pure but for `actor`, the Ray actor that trains."""
