"""Learning from outcomes: online statistics, trained models, the plan predictor, and stored model versions.

Everything here is free of Ray and of clocks, except `actor`, the Ray actor that trains in the background.
Not here: what the gate and the planners do with what was learned (`reconciler`, `planners`).
"""
