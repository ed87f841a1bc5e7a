"""The list of any step inside a for_each can be read by its name, from outside."""

import pytest

from forerun import run
from planners.agents import AgentSpec, Catalog
from planners.bindings import Gather, StepRef
from planners.expansion import flatten
from planners.tasks import Task
from planners.validation import flaws
from reconciler.state.commands import RunStatus

CAPABILITIES = ("load", "add", "vote", "split", "join")
CATALOG = Catalog(agents=tuple(AgentSpec(name=f"{name}er", capability=name) for name in CAPABILITIES))


def review(*after, output=None, **task):
    """A for_each with two last steps, and the nodes that follow."""
    inner = [
        {"id": "load", "capability": "load", "inputs": {"name": "$item"}},
        {"id": "sum", "capability": "add", "inputs": {"text": "$steps.load"}},
        {"id": "vote", "capability": "vote", "inputs": {"text": "$steps.load"}},
    ]
    block = {"id": "review", "for_each": "$inputs.names", "steps": inner} | (
        {} if output is None else {"output": output}
    )
    document = {"inputs": {"names": ["a", "b"]}, "workflow": {"steps": [block, *after], **task}}
    return Task.model_validate(document)


def join(**inputs):
    return {"id": "join", "capability": "join", "inputs": inputs}


def found(task):
    return [(flaw.field, flaw.message, flaw.fix) for flaw in flaws(task, CATALOG)]


def lists(*names):
    return tuple(StepRef(step=name) for name in names)


def test_each_list_is_that_of_the_named_step():
    task = review(join(sums="$steps.review.sum", votes="$steps.review.vote", first="$steps.review.load.0.title"))

    flat = flatten(task.workflow, task.inputs)

    assert found(task) == []
    assert flat.by_id["join"].inputs == {
        "sums": Gather(gather=lists("sum[0]", "sum[1]")),
        "votes": Gather(gather=lists("vote[0]", "vote[1]")),
        "first": StepRef(step="load[0]", path=("title",)),
    }


def test_the_task_may_return_such_lists():
    task = review(outputs={"sums": "$steps.review.sum"})

    assert found(task) == []
    assert flatten(task.workflow, task.inputs).outputs == {"sums": Gather(gather=lists("sum[0]", "sum[1]"))}


def test_the_list_of_no_elements_is_empty():
    task = review(join(sums="$steps.review.sum"))

    assert flatten(task.workflow, {"names": []}).by_id["join"].inputs == {"sums": Gather(gather=())}


def test_a_reader_waits_until_all_elements_of_its_list_are_unrolled():
    inner = [
        {"id": "split", "capability": "split", "inputs": {"name": "$item"}},
        {
            "id": "words",
            "for_each": "$steps.split",
            "steps": [{"id": "w", "capability": "vote", "inputs": {"w": "$item"}}],
        },
    ]
    block = {"id": "outer", "for_each": "$inputs.names", "steps": inner, "output": "split"}
    readers = [
        join(words="$steps.outer.words"),
        {"id": "sizes", "capability": "add", "inputs": {"all": "$steps.outer"}},
    ]
    task = Task.model_validate({"inputs": {"names": ["a", "b"]}, "workflow": {"steps": [block, *readers]}})

    assert found(task) == []
    waiting = flatten(task.workflow, task.inputs, {"split[0]": ["x"]})
    ready = flatten(task.workflow, task.inputs, {"split[0]": ["x"], "split[1]": []})

    assert "join" in [pending.id for pending in waiting.pending]
    assert "sizes" in waiting.by_id
    assert ready.by_id["join"].inputs["words"] == Gather(gather=(Gather(gather=lists("w[0][0]")), Gather(gather=())))


@pytest.mark.parametrize(
    "task",
    [
        review(),
        review(join(all="$steps.review")),
        review(join(first="$steps.review.0")),
        review(outputs={"all": "$steps.review"}),
    ],
)
def test_the_output_of_several_last_steps_is_refused_unless_it_is_named(task):
    assert found(task) == [
        (
            "workflow.steps.review.output",
            "the for_each 'review' ends with several steps (sum, vote), and does not say whose outputs it lists",
            "set output: vote, or read $steps.review.sum and $steps.review.vote instead of its output",
        )
    ]


def test_a_named_output_is_accepted():
    assert found(review(join(all="$steps.review"), output="sum")) == []
    assert found(review(output="vote")) == []


def test_a_step_inside_is_not_visible_by_itself_and_the_fix_names_its_list():
    (flaw,) = found(review(join(sums="$steps.sum"), output="sum"))

    assert flaw[2] == "refer to $steps.review.sum, the list of its outputs"


def test_an_unknown_name_is_refused():
    (flaw,) = found(review(join(sums="$steps.review.summ"), output="sum"))

    assert flaw[0] == "workflow.steps.join.inputs.sums"


def test_such_a_task_runs_to_its_result():
    def load(name: str) -> str:
        return name * 2

    def add(text: str) -> int:
        return len(text)

    def vote(text: str) -> bool:
        return text == "aa"

    def join_all(sums: list[int], votes: list[bool]) -> str:
        return f"{sums} {votes}"

    task = review(
        {"id": "join", "capability": "join_all", "inputs": {"sums": "$steps.review.sum", "votes": "$steps.review.vote"}}
    )

    view = run(task, [load, add, vote, join_all])

    assert (view.status, view.outputs) == (RunStatus.SUCCEEDED, {"join": "[2, 2] [True, False]"})
