"""Which steps are accepted, and what the author of a wrong one is told."""

import pytest
from goals import ANSWER, CATALOG, steps

from planners.bindings import Gather, InputRef, StepRef, Value
from planners.errors import DecomposeFailed
from planners.interfaces import interfaces
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.step_validation import BadStep, StepValidation
from planners.workflow import Step


def confirmed(inputs=None, later=()):
    return StepValidation(GoalText(text="x", inputs=inputs or {}, later=later), interfaces(CATALOG))


def step(name="a", capability="caption", after=(), **inputs):
    return Step.model_validate({"id": name, "capability": capability, "inputs": inputs, "after": after})


def accepted(checks, *written):
    return [done for each in written for done in checks.accept(each)]


def test_steps_get_ids_from_their_capabilities_and_references_follow():
    (first, second, gathered) = accepted(
        confirmed(),
        step("x1", image="one"),
        step("x2", image="two"),
        step("x3", "merge", texts=["$steps.x1.caption", "$steps.x2.caption"]),
    )

    assert [first.id, second.id, gathered.id] == ["caption", "caption-2", "merge"]
    assert gathered.inputs["texts"] == Gather(
        gather=(StepRef(step="caption", path=("caption",)), StepRef(step="caption-2", path=("caption",)))
    )


def test_a_step_written_before_what_it_reads_is_held_back_until_that_is_there():
    fetch, caption, translate = (Step.model_validate(raw) for raw in ANSWER)
    checks = confirmed()

    assert list(checks.accept(translate)) == []
    assert list(checks.accept(caption)) == []
    assert list(checks.accept(fetch)) == steps()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (step(capability="captions", image="x"), "no capability 'captions'; did you mean 'caption'"),
        (step(picture="x"), "no input of caption 'picture'; there are"),
        (step(), "input 'image' of caption must be bound"),
        (step(image="$inputs.imag"), "no task input 'imag'; did you mean 'image'"),
        (step(image="$inputs.image.9"), "no '9'"),
        (step(image="$item"), r"\$item has no meaning"),
        (step(image="$steps.a.caption"), "depends on itself"),
        (step(image={"cel": "$inputs.image[0]"}), "an input is an expression; bind"),
    ],
)
def test_a_step_that_can_never_be_valid_is_refused_with_a_suggestion(wrong, said):
    with pytest.raises(BadStep, match=said):
        accepted(confirmed(inputs={"image": ["x"]}), wrong)


def test_a_part_that_the_parent_does_not_make_is_refused():
    with pytest.raises(BadStep, match="no output of step 'a' 'text'; there are caption"):
        accepted(confirmed(), step(image="x"), step("b", image="$steps.a.text"))


def test_a_cycle_is_reported_at_the_end():
    checks = confirmed()
    accepted(checks, step("a", image="$steps.b.caption"), step("b", image="$steps.a.caption"))

    with pytest.raises(BadStep, match="a -> b -> a"):
        checks.close()


def test_a_reference_to_a_step_that_never_came_is_named_at_the_end():
    checks = confirmed()
    accepted(checks, step("a", image="$steps.ghost.caption"))

    with pytest.raises(BadStep, match=r"reads '\$steps.ghost', and there is no such step"):
        checks.close()


def test_a_repetition_changes_nothing_and_a_contradiction_is_refused():
    checks = confirmed()
    assert len(accepted(checks, step(image="x"), step(image="x"))) == 1
    with pytest.raises(BadStep, match="already written and differs"):
        accepted(checks, step(image="y"))


def test_an_input_that_another_step_will_make_may_be_read_anyhow():
    (done,) = accepted(confirmed(later=("picture",)), step(image="$inputs.picture.url"))

    assert done.inputs == {"image": InputRef(input="picture", path=("url",))}


@pytest.mark.parametrize("said", [None, "en"])
def test_an_optional_input_bound_to_nothing_or_to_its_default_is_left_out(said):
    (done,) = accepted(confirmed(), step(image="x", lang=said))

    assert done.inputs == {"image": Value(value="x")}


def test_an_optional_input_with_another_value_is_kept():
    (done,) = accepted(confirmed(), step(image="x", lang="fr"))

    assert done.inputs["lang"] == Value(value="fr")


def test_steps_that_wait_count_as_steps():
    """Otherwise an author could write any number of steps that wait for one that never comes."""
    checks = StepValidation(GoalText(text="x"), interfaces(CATALOG), max_steps=3)
    with pytest.raises(DecomposeFailed, match="more than 3 steps"):
        accepted(checks, *(step(f"s{i}", image="$steps.ghost.caption") for i in range(4)))


def test_names_of_any_length_are_told_in_bounded_messages():
    with pytest.raises(BadStep) as refused:
        accepted(confirmed(), step(capability="c" * 100_000))

    assert len(refused.value.message) < 300
