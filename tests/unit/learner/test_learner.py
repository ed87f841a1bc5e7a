"""What the learner learns from outcomes, online and by training."""

import time

import pytest
from learners import AGENT, learner_of, sized, step, trained
from outcome_streams import outcome, stream

from learner.learner import Learner, LearnerStatus, LearningSettings
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.workflow import Step
from reconciler.state.outcomes import Verdict


@pytest.fixture(scope="module")
def taught():
    """Trained once for all tests that only ask."""
    return trained(learner_of(sized(2_000))).snapshot()


def test_without_outcomes_the_learner_answers_with_priors():
    snapshot = Learner().snapshot()

    assert snapshot.costs.duration(AGENT, step()).mean_s == 1.0
    assert snapshot.costs.output_bytes(AGENT) == 100.0
    assert snapshot.costs.survival(AGENT) == 0.7
    assert snapshot.guidance_for("never seen").calibration.of(0.4) == 0.4
    assert snapshot.chances(Plan(kind=PlanKind.SPECULATIVE), "k") == {}


def test_durations_sizes_and_survival_follow_the_outcomes():
    costs = (
        learner_of(outcome(n, seconds=4.0, output_bytes=7, survived=n % 2 == 0) for n in range(200)).snapshot().costs
    )

    assert costs.duration(AGENT, step()).p50_s == pytest.approx(4.0, rel=0.1)
    assert costs.output_bytes(AGENT) == 7.0
    assert costs.survival(AGENT) == pytest.approx(0.5, abs=0.05)


def test_work_that_failed_or_never_ran_does_not_count_as_a_duration():
    failed = outcome(seconds=9.0, succeeded=False, verdict=Verdict.COMMIT)
    refused = outcome(seconds=0.0, dispatched=False, succeeded=True)

    assert learner_of([failed, refused]).snapshot().costs.duration(AGENT, step()).mean_s == 1.0


def test_durations_are_those_of_a_node_of_speed_one():
    """Two seconds on a node twice as fast are four seconds of work."""
    costs = learner_of(outcome(n, seconds=2.0, speed=2.0) for n in range(200)).snapshot().costs

    assert costs.duration(AGENT, step()).p50_s == pytest.approx(4.0, rel=0.1)


def test_guesses_flushed_while_they_ran_count_as_censored_durations():
    """One attempt in two is flushed at 2 s, before it could end at 3 s; the others take 1 s."""
    ended = [outcome(n, seconds=1.0) for n in range(50)] + [outcome(n, seconds=3.0) for n in range(25)]
    flushed = [outcome(n, seconds=2.0, survived=False, succeeded=False) for n in range(75)]
    costs = learner_of([*ended, *flushed]).snapshot().costs

    assert costs.duration(AGENT, step()).p50_s > 2.0


def test_a_survival_model_that_calibrated_claims_beat_is_dropped():
    """When it was trained, survival depended on the kind of task; now the claims are accurate and the model is not."""
    learner = trained(learner_of(sized(2_000)))
    assert learner.snapshot().survival is not None

    learner.observe(
        one.model_copy(
            update={"appraisal": one.appraisal.model_copy(update={"probability": 1 - one.appraisal.claimed})}
        )
        for one in stream(8_000, truth=lambda claimed: claimed)
    )
    trained(learner)

    assert learner.snapshot().survival is None


def test_planning_time_is_learned_per_kind_and_once_a_task():
    slow = [outcome(n, planning_s=9.0, task_kind="slow", task="one task") for n in range(50)]
    slow += [outcome(n, planning_s=1.0, task_kind="slow", task=f"t{n}") for n in range(9)]
    guidance = learner_of(slow).snapshot().guidance_for("slow")

    assert guidance.plan_p50_s == 1.0
    assert guidance.plan_p90_s > 1.0


def test_claims_are_calibrated_by_kind_and_for_new_kinds_together():
    snapshot = learner_of(stream(400, truth=lambda claimed: claimed / 2)).snapshot()

    assert snapshot.guidance_for("k").calibration.of(0.8) == pytest.approx(0.4, abs=0.12)
    assert snapshot.guidance_for("another").calibration.of(0.8) == pytest.approx(0.4, abs=0.12)


def test_a_kind_whose_guesses_stop_surviving_is_throttled_and_the_others_are_not():
    good = [outcome(n, task_kind=kind) for n in range(100) for kind in ("switches", "stays")]
    bad = [outcome(n, task_kind="switches", survived=False) for n in range(40)]
    snapshot = learner_of([*good, *bad]).snapshot()

    assert snapshot.guidance_for("switches").throttle < 0.5
    assert snapshot.guidance_for("switches").closed
    assert snapshot.guidance_for("stays").throttle == 1.0


def test_confirmed_work_reopens_the_gate_of_a_closed_kind_for_a_probe():
    learner = learner_of(outcome(n, survived=False) for n in range(40))
    assert learner.snapshot().guidance_for("k").closed

    learner.observe(outcome(n, speculative=False) for n in range(60))
    assert not learner.snapshot().guidance_for("k").closed
    assert learner.snapshot().guidance_for("k").throttle < 1.0


def test_a_snapshot_is_the_same_until_something_is_learned():
    learner = learner_of([outcome()])
    first = learner.snapshot()

    assert learner.snapshot() is first
    learner.observe([outcome(1)])
    assert learner.snapshot().number == first.number + 1
    assert first.costs.survival(AGENT) != learner.snapshot().costs.survival(AGENT)


def test_training_learns_what_online_statistics_cannot(taught):
    """Seconds depend on the input, survival on the kind of task, although the claim is always 0.6."""
    snapshot = taught
    plan = Plan(
        kind=PlanKind.SPECULATIVE,
        steps=(
            PlannedStep(
                step=step(3), placement=Placement(agent="a", node="n", duration_s=1.0), work_key="w", probability=0.6
            ),
        ),
    )

    assert snapshot.costs.duration(AGENT, step(3)).p50_s == pytest.approx(8.0, rel=0.1)
    assert snapshot.costs.duration(AGENT, step(0)).p50_s == pytest.approx(1.0, rel=0.1)
    assert snapshot.chances(plan, "good")["s3"] > 0.85
    assert snapshot.chances(plan, "bad")["s3"] < 0.25


def test_a_child_is_never_more_probable_than_its_data_parents(taught):
    parent = PlannedStep(step=step(1), placement=Placement(agent="a", node="n"), work_key="p", probability=0.05)
    child = Step(id="child", capability="x", inputs={"y": "$steps.s1"})
    plan = Plan(
        kind=PlanKind.SPECULATIVE,
        steps=(
            parent,
            PlannedStep(step=child, placement=Placement(agent="a", node="n"), work_key="c", probability=0.9),
        ),
    )
    chances = taught.chances(plan, "good")

    assert chances["child"] <= chances["s1"]


def test_answers_take_microseconds(taught):
    """Planners ask thousands of times a plan; a generous bound that LightGBM's own call would still break."""
    steps = [step(n) for n in range(1_000)]
    started_s = time.perf_counter()
    for one in steps:
        taught.costs.duration(AGENT, one)

    assert (time.perf_counter() - started_s) / len(steps) < 1e-3


@pytest.mark.parametrize(
    "outcomes",
    [
        [],
        [outcome()],
        [outcome(n, survived=False) for n in range(1_000)],
        [outcome(n) for n in range(1_000)],
        [outcome(n, task="one") for n in range(1_000)],
        [outcome(n, seconds=0.0, expected_s=0.0, probability=0.0, claimed=1.0) for n in range(1_000)],
        [outcome(n, probability=None, claimed=None, saved_s=None, cost_usd=None) for n in range(1_000)],
    ],
    ids=["empty", "one", "all failed", "all survived", "one task", "zeros", "nothing told"],
)
def test_every_history_can_be_learned_from(outcomes):
    learner = trained(learner_of(outcomes))
    snapshot = learner.snapshot()

    assert snapshot.costs.duration(AGENT, step()).mean_s >= 0
    assert 0 <= snapshot.guidance_for("k").calibration.of(0.5) <= 1
    assert LearnerStatus.model_validate_json(learner.status().model_dump_json()) == learner.status()


def test_memory_is_bounded():
    settings = LearningSettings(window=100, reservoir=50, kinds=10, agents=10)
    learner = learner_of((outcome(n, task_kind=f"k{n}", agent=f"a{n}") for n in range(1_000)), settings=settings)
    status = learner.status()

    assert (status.outcomes, status.remembered, len(status.kinds)) == (1_000, 150, 10)
    assert len(learner.snapshot().costs.observed) == 10


def test_training_uses_a_bounded_sample():
    settings = LearningSettings(window=500, reservoir=500)
    learner = learner_of(sized(5_000), settings=settings)

    assert len(learner._statistics.sample.outcomes()) == 1_000
    assert learner.due
    learner.begin_training()
    assert not learner.due


def test_learning_is_deterministic():
    first, second = (trained(learner_of(sized(1_000))).snapshot() for _ in range(2))

    assert first.survival == second.survival
    assert first.costs == second.costs
