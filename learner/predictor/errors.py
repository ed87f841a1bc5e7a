"""Errors of the plan predictor."""


class PredictorError(Exception):
    """Root of the predictor's errors."""


class CorruptPredictor(PredictorError):
    """A stored predictor cannot be read: truncated, altered, or of another format."""


class SemanticsMissing(PredictorError):
    """A stored predictor needs word vectors that are not installed here (extra ``semantic``)."""
