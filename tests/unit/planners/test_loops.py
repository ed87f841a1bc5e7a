"""Loops: turns are unrolled as far as it is known that they are made; state is carried from turn to turn."""

import pytest
from pydantic import ValidationError
from tasks_to_refuse import CATALOG, refused, task

from planners.bindings import InputRef, StepRef, Value
from planners.expansion import flatten
from planners.validation import check, explain, parse
from planners.workflow import Workflow


def step(name, **more):
    return {"id": name, "capability": "anything", **more}


def revise(**more):
    """Critique and revise: a draft goes round until a judge is content."""
    return {
        "id": "revise",
        "loop": [
            step("judge", inputs={"text": "$state.draft", "turn": "$state.turn"}),
            step("rewrite", inputs={"text": "$state.draft", "remarks": "$steps.judge"}),
        ],
        "state": {"draft": "$inputs.draft"},
        "next": {"draft": "$steps.rewrite.text"},
        "max": 3,
        **more,
    }


def unrolled(node, known=None, *after):
    return flatten(Workflow.model_validate({"steps": [node, *after]}), {"draft": "once"}, known or {})


def names(nodes):
    return [node.id for node in nodes]


READER = step("send", inputs={"text": "$steps.revise"})


def test_without_a_condition_all_turns_are_unrolled_at_once():
    flat = unrolled(revise(), None, READER)

    assert names(flat.steps) == [*(f"{name}[{turn}]" for turn in range(3) for name in ("judge", "rewrite")), "send"]
    assert flat.by_id["judge[0]"].inputs == {"text": InputRef(input="draft"), "turn": Value(value=0)}
    assert flat.by_id["judge[1]"].inputs == {"text": StepRef(step="rewrite[0]", path=("text",)), "turn": Value(value=1)}
    assert flat.by_id["send"].inputs == {"text": StepRef(step="rewrite[2]")}


def test_a_turn_waits_for_what_until_reads():
    flat = unrolled(revise(until="$steps.judge.good"), None, READER)

    assert names(flat.steps) == ["judge[0]", "rewrite[0]"]
    assert flat.pending[0].awaited == ("judge[0]",)


def test_until_ends_the_loop_after_the_turn_in_which_it_holds():
    known = {"judge[0]": {"good": False}, "judge[1]": {"good": True}}

    flat = unrolled(revise(until="$steps.judge.good"), known, READER)

    assert names(flat.steps)[-2:] == ["rewrite[1]", "send"]
    assert flat.by_id["send"].inputs == {"text": StepRef(step="rewrite[1]")}


def test_a_loop_ends_after_its_last_turn_whatever_until_says():
    known = {f"judge[{turn}]": {"good": False} for turn in range(3)}

    assert names(unrolled(revise(until="$steps.judge.good"), known, READER).steps)[-1] == "send"


def test_while_is_asked_before_each_turn():
    flat = unrolled(revise(**{"while": "$state.turn < 2"}), None, READER)

    assert flat.by_id["send"].inputs == {"text": StepRef(step="rewrite[1]")}


def test_a_loop_without_a_turn_is_skipped_or_has_a_default():
    assert "send" in names(unrolled(revise(**{"while": "false"}), None, READER).skipped)
    flat = unrolled(revise(**{"while": "false"}, default="none"), None, READER)
    assert flat.by_id["send"].inputs == {"text": Value(value="none")}


def test_state_that_next_does_not_name_stays():
    node = revise(state={"draft": "a", "tone": "dry"})
    node["loop"][0]["inputs"]["tone"] = "$state.tone"

    assert unrolled(node).by_id["judge[2]"].inputs["tone"] == Value(value="dry")


def test_a_route_inside_a_loop_inside_a_for_each():
    loop = {
        "id": "again",
        "loop": [
            {
                "id": "way",
                "route": [{"when": "$state.n > 1", "steps": [step("large", inputs={"n": "$state.n"})]}],
                "else": [step("small", inputs={"n": "$state.n"})],
            }
        ],
        "state": {"n": "$item"},
        "next": {"n": "$steps.way"},
        "until": "$steps.way > 2",
        "max": 5,
    }
    each = {"id": "each", "for_each": [0, 2], "steps": [loop]}
    known = {"small[0][0]": 2, "large[1][0]": 3}

    flat = flatten(Workflow.model_validate({"steps": [each]}), {}, known)

    assert names(flat.steps) == ["small[0][0]", "large[0][1]", "large[1][0]"]
    assert names(flat.skipped) == ["large[0][0]", "small[0][1]", "small[1][0]"]


@pytest.mark.parametrize(
    ("more", "field", "told"),
    [
        ({"until": "$steps.jugde.good"}, "until", "there is no step 'jugde'"),
        ({"until": "$state.drat == ''"}, "until", "no state 'drat'"),
        ({"while": "$steps.judge.good"}, "while", "only the output of 'revise'"),
        ({"next": {"draft": "$steps.nothing"}}, "next.draft", "there is no step"),
        ({"state": {"draft": "$state.draft"}}, "state.draft", "no meaning outside a loop"),
        ({"output": "send"}, "output", "no step 'send'"),
    ],
)
def test_a_loop_that_cannot_go_on_is_refused(more, field, told):
    error = refused(task(revise(**more), inputs={"draft": "x"}))

    assert error.field.startswith("workflow.steps.revise.")
    assert error.field.endswith(field)
    assert told in error.message


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"max": 0}, "max"),
        ({"max": 20_000}, "max"),
        ({"next": {"dratf": 1}}, ""),
        ({"state": {"turn": 1, "draft": 1}}, ""),
    ],
)
def test_a_loop_without_bound_or_with_unknown_state_is_refused(more, field):
    with pytest.raises(ValidationError) as caught:
        parse({"workflow": {"steps": [revise(**more)]}})

    assert explain(caught.value)[0].field == f"workflow.steps.0{'.' if field else ''}{field}"


@pytest.mark.parametrize(("depth", "fits"), [(20, True), (200, False)])
def test_loops_nest_to_a_stated_depth(depth, fits):
    node = step("inner")
    for level in range(depth):
        node = {"id": f"l{level}", "loop": [node], "max": 1}
    if fits:
        check(task(node), CATALOG)
        assert names(flatten(Workflow.model_validate({"steps": [node]}), {}).steps) == ["inner" + "[0]" * 20]
    else:
        assert "levels deep" in refused(parse({"workflow": {"steps": [node]}})).message
