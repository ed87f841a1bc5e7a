"""How often outputs are accepted is learned by agent and kind of input, and fades."""

import pytest

from learner.learner import Learner
from learner.online.acceptance import DISCOUNT, AcceptanceCounts
from learner.online.seen_outcomes import SeenOutcomes
from planners.agents import AgentSpec
from planners.bindings import StepRef, Value
from planners.costs import CERTAIN
from planners.input_kinds import input_kind
from planners.workflow import Step
from reconciler.state.outcomes import Outcome, Verdict

SMALL = AgentSpec(name="small", capability="answer", quality=0.5)
LARGE = AgentSpec(name="large", capability="answer", quality=0.9)


def step(*, check="$output > 0", **inputs):
    bound = {name: Value(value=value) for name, value in inputs.items()}
    return Step(id="s", capability="answer", inputs=bound, check=check)


def outcome(agent, accepted, *, again=False, judged=False, number=0, **inputs):
    return Outcome(
        task="t",
        task_kind="",
        attempt=f"t.{number}",
        step="s",
        capability="answer",
        agent=agent.name,
        node="n",
        speculative=False,
        verdict=Verdict.COMMIT,
        succeeded=bool(accepted),
        seconds=1.0,
        expected_s=1.0,
        accepted=accepted,
        again=again,
        judged=judged,
        input_kind=input_kind(step(**inputs)),
    )


def known(*outcomes):
    counts = AcceptanceCounts()
    for one in outcomes:
        counts.add(one)
    return counts.rates()


def test_without_outcomes_the_declared_quality_is_expected():
    assert known().acceptance(SMALL, step(topic="tax")) == (0.5, 0.25)


def test_an_output_without_a_check_says_nothing():
    assert known(*[outcome(SMALL, None)] * 20).acceptance(SMALL, step()) == (0.5, 0.25)


def test_each_kind_of_input_has_its_own_share_and_unknown_kinds_that_of_the_agent():
    good, bad = [outcome(SMALL, True, topic="tax")] * 30, [outcome(SMALL, False, topic="law")] * 30
    rates = known(*(one for pair in zip(good, bad, strict=True) for one in pair))

    assert rates.acceptance(SMALL, step(topic="tax")).first > 0.9
    assert rates.acceptance(SMALL, step(topic="law")).first < 0.1
    assert rates.acceptance(SMALL, step(topic="art")).first == pytest.approx(0.5, abs=0.1)


def test_outputs_after_a_refusal_are_counted_apart():
    rates = known(*[outcome(SMALL, True), outcome(SMALL, False, again=True)] * 20)

    assert rates.acceptance(SMALL, step()).first > 0.9
    assert rates.acceptance(SMALL, step()).again < 0.1


def test_what_is_known_of_an_agent_fades_while_others_do_its_work():
    bad = [outcome(SMALL, False)] * 50
    at_once = known(*bad).acceptance(SMALL, step()).first
    later = known(*bad, *[outcome(LARGE, True)] * 300).acceptance(SMALL, step()).first

    assert at_once < 0.05
    assert later == pytest.approx(0.5, abs=0.05)


def test_old_outcomes_of_an_agent_count_less_than_new_ones():
    rates = known(*[outcome(SMALL, False)] * 200, *[outcome(SMALL, True)] * 50)

    assert rates.acceptance(SMALL, step()).first > 0.6
    assert rates.by_agent()["small"][""][0] == pytest.approx(1 / (1 - DISCOUNT), rel=0.05)


def test_what_people_say_counts_beside_the_checks():
    checked = [outcome(SMALL, True, topic="tax")] * 30
    judged = [outcome(SMALL, number % 3 == 0, judged=True, topic="tax") for number in range(30)]
    rates = known(*checked, *judged)

    assert rates.acceptance(SMALL, step(topic="tax")).first == pytest.approx(1 / 3, abs=0.1)
    assert known(*checked).acceptance(SMALL, step(topic="tax")).first > 0.9


def test_without_a_check_only_what_people_say_counts():
    unchecked = step(check=None, topic="tax")
    rates = known(*[outcome(SMALL, True, topic="tax")] * 30, *[outcome(SMALL, False, judged=True, topic="tax")] * 30)

    assert rates.acceptance(SMALL, unchecked).first < 0.1
    assert rates.acceptance(LARGE, unchecked).first == pytest.approx(0.9)
    assert known(*[outcome(SMALL, True)] * 30).acceptance(SMALL, unchecked) == CERTAIN


def test_a_judgement_is_no_further_attempt():
    learner = Learner()
    learner.observe([outcome(SMALL, None), outcome(SMALL, False, judged=True, topic="tax")])

    status = learner.status()

    assert status.outcomes == 1
    assert status.agents["small"].checked.accepted is None
    assert status.agents["small"].judged.accepted == 0
    assert status.agents["small"].judged_kinds.keys() == {"topic=tax"}


def test_a_judgement_counts_once_however_often_it_is_delivered():
    seen, judgement = SeenOutcomes(10), outcome(SMALL, False, judged=True)

    assert seen.unseen([outcome(SMALL, True), judgement, judgement]) == [outcome(SMALL, True), judgement]


def test_the_status_of_the_learner_shows_what_was_learned_of_each_agent():
    learner = Learner()
    learner.observe(
        [outcome(SMALL, accepted, number=at, topic="tax") for at, accepted in enumerate([True] * 3 + [False])]
    )

    status = learner.status().agents["small"]

    assert (status.outcomes, status.p50_s) == (3, 1.0)
    assert status.checked.outputs == pytest.approx(4, abs=0.2)
    assert status.checked.accepted == pytest.approx(0.75, abs=0.03)
    assert status.kinds.keys() == {"topic=tax"}


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ({}, ""),
        ({"language": "de", "formal": True}, "formal=true, language=de"),
        ({"text": "word " * 40, "items": [1, 2]}, "items~10^0, text~10^2"),
        ({"n": 12_345, "id": "ab12"}, "id~10^0, n~10^4"),
    ],
)
def test_words_stand_for_themselves_and_the_rest_for_its_magnitude(inputs, kind):
    assert input_kind(step(**inputs)) == kind


def test_a_reference_has_no_kind():
    assert input_kind(Step(id="s", capability="answer", inputs={"text": StepRef(step="before")})) == ""
