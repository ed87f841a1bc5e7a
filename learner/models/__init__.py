"""Models trained from a sample of outcomes or from past plans: survival, durations, and training of the predictor.

Here: the models, their training, their serialised form, and which of them are in use (`model_store`).
Not here: how versions are kept on disk (`learner.registry`) and how the predictor works (`learner.predictor`).
"""
