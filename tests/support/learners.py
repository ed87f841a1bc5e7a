"""Learners with synthetic outcomes, and trained on them."""

import random

from outcome_streams import outcome

from learner.learner import Learner
from planners.agents import AgentSpec
from planners.bindings import Value
from planners.workflow import Step
from reconciler.state.features import step_features
from reconciler.state.outcomes import Verdict

AGENT = AgentSpec(name="a", capability="x", expected_s=1.0, output_bytes=100)


def learner_of(outcomes, **more):
    learner = Learner(**more)
    learner.observe(outcomes)
    return learner


def trained(learner):
    learner.adopt(learner.begin_training()())
    return learner


def step(n=0, after=()):
    inputs = {"n": Value(value=n)}
    return Step(id=f"s{n}", capability="x", inputs=inputs, after=after)


def sized(count, seed=0):
    """Seconds are 2 to the power of the input ``n``; survival depends on the kind of task."""
    draw = random.Random(seed)
    for number in range(count):
        n, kind = draw.randrange(4), draw.choice(["good", "bad"])
        survived = draw.random() < (0.95 if kind == "good" else 0.1)
        yield outcome(
            number,
            task_kind=kind,
            verdict=Verdict.COMMIT if survived else Verdict.FLUSH,
            succeeded=True,
            seconds=2.0**n * draw.uniform(0.9, 1.1),
            features=dict(step_features(step(n))),
            probability=0.6,
            claimed=0.6,
        )
