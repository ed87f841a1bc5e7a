"""Values from broken clocks, prices or texts never spoil statistics, stored models or the status."""

import json
import math

import pytest
from learners import AGENT, learner_of, sized, step, trained
from outcome_streams import outcome

from learner.learner import Learner
from learner.models.durations import feature_matrix
from learner.online.usable_outcomes import usable_outcome
from learner.registry import Registry

NAN, INF = math.nan, math.inf


def altered(number=0, **changes):
    """An outcome with values that its own validation refuses, as a release of other rules could send them."""
    appraisal = {
        name: changes.pop(name) for name in list(changes) if name in outcome().appraisal.__class__.model_fields
    }
    made = outcome(number)
    return made.model_copy(update={**changes, "appraisal": made.appraisal.model_copy(update=appraisal)})


UNUSABLE = {
    "seconds that are no number": altered(seconds=NAN),
    "negative seconds": altered(seconds=-1.0),
    "infinite seconds": altered(seconds=INF),
    "seconds of centuries": altered(seconds=1e18),
    "an infinite estimate": altered(expected_s=INF),
    "dollars that are no number": altered(usd=NAN),
    "a speed that is no number": altered(speed=NAN),
    "no speed": altered(speed=0.0),
    "a worthless clock": altered(value_of_time_usd_per_s=NAN),
    "a probability that is no number": altered(probability=NAN),
    "a claim above one": altered(claimed=1.5),
    "infinite savings": altered(saved_s=INF),
    "a risk that is no number": altered(risked_s=NAN),
    "infinite costs": altered(cost_usd=INF),
    "an unpaired surrogate as kind": altered(task_kind="\ud800"),
    "an unpaired surrogate as agent": altered(agent="a\udfff"),
    "a name of a megabyte": altered(task_kind="k" * 1_000_000),
}


@pytest.mark.parametrize("unusable", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_an_unusable_outcome_teaches_nothing_and_is_reported(unusable):
    known = [outcome(number) for number in range(50)]
    learner, expected = learner_of([*known, unusable]), learner_of(known)

    assert learner.snapshot().costs == expected.snapshot().costs
    assert learner.snapshot().guidance == expected.snapshot().guidance
    assert learner.ledger() == expected.ledger()
    assert learner.status().outcomes == 50
    assert learner.status().problems == ("1 outcomes with unusable values were ignored",)


USABLE_IN_PART = {
    "planning time": (altered(planning_s=NAN), "planning_s", None),
    "negative planning time": (altered(planning_s=-3.0), "planning_s", None),
    "savings": (altered(realised_s=INF), "realised_s", None),
    "huge output": (altered(output_bytes=10**400), "output_bytes", 2**53),
    "negative output": (altered(output_bytes=-1), "output_bytes", 0),
    "features": (altered(features={"a": NAN, "b": INF, "c": 1.0}), "features", {"c": 1.0}),
}


@pytest.mark.parametrize(("given", "field", "expected"), USABLE_IN_PART.values(), ids=USABLE_IN_PART.keys())
def test_an_unusable_detail_is_left_out_and_the_rest_is_used(given, field, expected):
    assert getattr(usable_outcome(given), field) == expected
    assert learner_of([given]).status().outcomes == 1


def test_a_guess_that_delayed_the_run_keeps_its_negative_savings():
    assert usable_outcome(altered(realised_s=-2.0)).realised_s == -2.0


def test_usable_outcomes_are_not_copied():
    whole = outcome()

    assert usable_outcome(whole) is whole


def test_what_was_learned_from_hostile_outcomes_is_trained_stored_shown_and_loaded(tmp_path):
    learner = learner_of(sized(1_500), registry=Registry(tmp_path))
    learner.observe([*UNUSABLE.values(), *(given for given, _, _ in USABLE_IN_PART.values())])
    trained(learner)

    restarted = Learner(registry=Registry(tmp_path))

    json.dumps(learner.status().model_dump(mode="json"), allow_nan=False)
    assert restarted.status().version == 1
    assert restarted.snapshot().costs.duration(AGENT, step(2)) == learner.snapshot().costs.duration(AGENT, step(2))


def test_features_are_bounded_however_many_names_users_invent():
    """The most frequent names are used."""
    rows = [{"n": float(number % 3), f"size:{number}": 1.0, f"size:{number + 1}": 2.0} for number in range(1_000)]
    names, x = feature_matrix(rows)

    assert "n" in names
    assert x.shape == (1_000, len(names))
    assert len(names) <= 64
