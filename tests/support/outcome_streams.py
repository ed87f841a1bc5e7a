"""Synthetic outcomes for the learner's tests: one at a time, or a stream with known survival probabilities."""

import random

from reconciler.state.outcomes import Outcome, Verdict


def outcome(number=0, *, survived=True, **changes):
    """A guess by agent ``a`` for a task of kind ``k``; any field may be changed."""
    given = {
        "task": f"t{number // 4}",
        "task_kind": "k",
        "attempt": f"a{number}",
        "step": f"s{number}",
        "capability": "x",
        "agent": "a",
        "node": "n",
        "speculative": True,
        "verdict": Verdict.COMMIT if survived else Verdict.FLUSH,
        "succeeded": survived,
        "seconds": 1.0,
        "expected_s": 1.0,
        "probability": 0.8,
        "claimed": 0.8,
        "saved_s": 1.0,
        "own_s": 1.0,
        "cost_usd": 0.001,
        "realised_s": 1.0 if survived else 0.0,
    }
    return Outcome(**{**given, **changes})


def stream(count, *, seed=0, truth=lambda claimed: claimed, **changes):
    """Guesses with uniformly drawn claims; each survives with probability ``truth(claimed)``."""
    draw = random.Random(seed)
    for number in range(count):
        claimed = draw.random()
        survived = draw.random() < truth(claimed)
        yield outcome(number, survived=survived, claimed=claimed, **{"probability": claimed, **changes})
