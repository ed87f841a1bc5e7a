"""Outcomes carry the gate's appraisal whole, and rows of earlier releases, which hold it flat, still load."""

import pytest

from reconciler.gate import Appraisal
from reconciler.state.outcomes import Outcome, Verdict

BARE = {
    "task": "t",
    "task_kind": "k",
    "attempt": "t.1",
    "step": "s",
    "capability": "x",
    "agent": "a",
    "node": "n",
    "speculative": True,
    "verdict": Verdict.COMMIT,
    "succeeded": True,
    "seconds": 1.0,
    "expected_s": 1.0,
}
FLAT = {"claimed": 0.9, "probability": 0.8, "saved_s": 2.0, "own_s": 1.0, "cost_usd": 0.01}


def test_a_row_that_holds_the_appraisal_flat_still_loads():
    assert Outcome(**BARE, **FLAT).appraisal == Appraisal(**FLAT)


def test_a_row_without_a_claim_takes_the_gates_own_probability_for_it():
    old = {name: value for name, value in FLAT.items() if name not in ("claimed", "own_s")}

    assert Outcome(**BARE, **old).appraisal == Appraisal(**{**FLAT, "claimed": 0.8, "own_s": 0.0})


@pytest.mark.parametrize("told", [{}, dict.fromkeys(FLAT)], ids=["not told", "told as null"])
def test_work_that_was_not_speculated_on_has_no_appraisal(told):
    assert Outcome(**BARE, **told).appraisal is None


def test_an_outcome_survives_being_stored():
    outcome = Outcome(**BARE, appraisal=Appraisal(**FLAT, risked_s=1.0))

    assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome
