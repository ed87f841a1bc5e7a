"""What people write who use a kind of node for the first time: each mistake is told with its field and the fix."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from actors.agent import agent
from actors.catalog import catalog_of
from planners.definitions import NamedWorkflow
from planners.errors import InvalidTask
from planners.linking import linked
from planners.validation import explain, flaws, parse
from planners.workflow import Workflow


class Hit(BaseModel):
    name: str
    score: float


@agent("look")
async def look(n: int) -> Hit:
    return Hit(name=str(n), score=n)


@agent("say")
async def say(text: str) -> str:
    return text


REPLY = NamedWorkflow.model_validate(
    {
        "name": "reply",
        "version": "2",
        "inputs": {"mail": "string", "tone": {"type": "string", "default": "kind"}},
        "steps": [{"id": "draft", "capability": "say", "inputs": {"text": "$inputs.mail"}}],
    }
)
CATALOG = catalog_of(look, say).model_copy(update={"workflows": (REPLY,)})


def a(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"id": name, "capability": "look", "inputs": {"n": 1}, **more}


def node(**fields: Any) -> dict[str, Any]:
    """The node of the test. ``_`` in front of a name stands for a field that Python reserves."""
    return {"id": "n", **{name.removeprefix("_"): value for name, value in fields.items()}}


def case(when: Any = "$steps.a.score > 1", **more: Any) -> dict[str, Any]:
    return {"when": when, "steps": [a("x")], **more}


def refusals(*nodes: Any) -> list[InvalidTask]:
    document = {"workflow": {"steps": list(nodes)}}
    try:
        task = linked(parse(document), CATALOG)
    except ValidationError as error:
        return explain(error, document=document)
    except InvalidTask as flaw:
        return [flaw]
    return list(flaws(task, CATALOG))


X, Y = a("x"), a("y")
EACH = {"for_each": [1, 2], "steps": [a("x", inputs={"n": "$item"})]}
JOIN = {"capability": "say", "inputs": {"text": "$steps.a.name"}}

ROUTES = [
    (node(route=[]), "route", "it is empty", "give at least 1"),
    (node(route=case()), "route", "this is an object, not a list", "write a list"),
    (node(route=[{"steps": [X]}]), "route.0.when", "required field is missing", "add it"),
    (node(route=[case(then=[X])]), "route.0.then", "unknown field", "did you mean 'when'?"),
    (node(route=[case(True)]), "route.0.when", "this is a boolean, not a string", "write it in quotes"),
    (
        node(route=[case("$steps.a.score")]),
        "route.0.when",
        "a number, neither true nor false",
        "compare it with something",
    ),
    (node(route=[case("$steps.a.name")]), "route.0.when", "its value is string, not bool", "compare it with something"),
    (node(route=[case("steps.a.score > 1")]), "route.0.when", "undeclared reference", "write $steps.a.score"),
    (node(route=[case("$steps.a.name == refund")]), "route.0.when", "undeclared reference", "texts are in quotes"),
    (node(route=[case("$steps.a.name > 1")]), "route.0.when", "no matching overload", "compare like with like"),
    (node(route=[case("$steps.b.score > 1")]), "route.0.when", "there is no step 'b'", "there are a, n"),
    (node(route=[case("$handoffs.a.sure > 1")]), "route.0.when", "has no 'sure'", "there are confidence, status"),
    (node(route=[case()], _else=[]), "else.steps", "it is empty", "give at least 1"),
    (node(route=[case()], _else=Y), "else", "not a list of nodes", "write a list of nodes"),
    (node(route=[case()], _else="y"), "else", "this is a string, not a list of nodes", "write a list of nodes"),
]
LOOPS = [
    (node(loop=[X]), "max", "required field is missing", "add it"),
    (node(loop=[], max=2), "loop", "it is empty", "give at least 1"),
    (node(loop=[X], max=0), "max", "0 is less than 1", "give at least 1"),
    (node(loop=[X], max="3"), "max", "this is a string, not a whole number", "write a whole number"),
    (node(loop=[X], max=2, until=True), "until", "this is a boolean, not a string", "write it in quotes"),
    (node(loop=[X], max=2, until="$steps.y.score > 1"), "until", "there is no step 'y'", "there are a, x"),
    (node(loop=[X], max=2, until="$steps.x.scor > 1"), "until", "has no 'scor'", "did you mean 'score'?"),
    (node(loop=[X], max=2, next={"d": "$steps.x"}), "", "next names d, which is not in state", "give it a value"),
    (node(loop=[X], max=2, state=["d"]), "state", "this is an array of 1, not an object", "write an object"),
    (node(loop=[a("x", inputs={"n": "$state.k"})], max=2), "loop.x.inputs.n", "no state 'k'", "there are turn"),
    (node(loop=[X], max=2, _while="$steps.x.score > 1"), "while", "'x' is inside 'n'", "asked before a turn"),
    (node(loop=[X], max=2, when="$state.turn < 2"), "when", "unknown field", "did you mean 'while'?"),
    (node(loop=[X], max=2, _whlie="$state.turn < 2"), "whlie", "unknown field", "did you mean 'while'?"),
]
USES = [
    (node(use="replay"), "use", "the catalog has no workflow 'replay'", "did you mean 'reply'?"),
    (node(use=["reply"]), "use", "this is an array of 1, not a string", "write a string"),
    (node(use="reply"), "inputs", "needs the input 'mail'", "add mail"),
    (node(use="reply", inputs={"mail": 3}), "inputs.mail", "takes a string as input 'mail'", "give a string"),
    (
        node(use="reply", inputs={"mail": "x", "tome": 1}),
        "inputs.tome",
        "takes no input 'tome'",
        "did you mean 'tone'?",
    ),
    (node(use="reply", inputs={"mail": "x"}, version="3"), "version", "has no version '3'", "there are 2"),
    (node(use="reply", inputs={"mail": "x"}, version=2), "version", "a number, not a string", "write it in quotes"),
]
WAITS = [
    (node(wait="soon"), "wait", "a number of seconds, and this is a string", "write a number of seconds such as 30"),
    (node(wait=-1), "wait", "wait takes seconds from now on, and this is -1", "write a number of seconds"),
    (node(wait=True), "wait", "this is a boolean", "write a number of seconds"),
    (node(wait={"minutes": 3}), "wait", "this is an object", "write a number of seconds"),
    (node(wait="$steps.a.name"), "wait", "this is a string", "or a reference to one"),
    (node(wait=3, timeout_s=4), "timeout_s", "unknown field", "there are after, default, id, join"),
]
APPROVALS = [
    (node(approval=""), "approval", "it is empty", "write something"),
    (node(approval=True), "approval", "this is a boolean, not a string", "write it in quotes"),
    (node(approval="?", timeout_s=0), "timeout_s", "0 is not greater than 0", "give a number greater than 0"),
    (node(approval="?", on_expiry="aprove"), "on_expiry", "'aprove' is none of", "did you mean 'approve'?"),
    (node(approval="?", on_expiry={"value": 1}), "on_expiry.output", "required field is missing", "add it"),
    (node(approval="?", on_expiry="reject"), "on_expiry", "it never expires", "add timeout_s"),
    (node(approval="?", on_expiry={"output": 1}), "on_expiry", "it never expires", "add timeout_s"),
    (node(approval="?", on_rejection="skip"), "on_rejection", "'skip' is none of", "there are continue, fail"),
    (
        node(approval="?", on_expiry="no"),
        "on_expiry",
        "'no' is none of",
        "write 'approve', 'reject' or 'fail', or {output",
    ),
    (node(approval="?", input={"t": 1}), "input", "unknown field", "did you mean 'inputs'?"),
]
CALLBACKS = [
    (node(callback=""), "callback", "it is empty", "write something"),
    (node(callback="x", timeout_s=-1), "timeout_s", "-1 is not greater than 0", "give a number greater than 0"),
    (node(callback="x", heartbeat_s="1m"), "heartbeat_s", "this is a string, not a number", "write a number"),
    (node(callback="x", on_expiry="approve"), "on_expiry", "'approve' is none of 'fail'", "or {output: ...}"),
    (node(callback="x", on_expiry={"output": 1}), "on_expiry", "it never expires", "add timeout_s or heartbeat_s"),
    (node(callback="x", url="http://x"), "url", "unknown field", "there are after, callback, default"),
]
FAN_OUTS = [
    (node(**EACH | {"for_each": "abc"}), "for_each", "needs a list, and this is a string", "bind it to a list"),
    (node(**EACH | {"for_each": "$steps.a"}), "for_each", "and this is an object", "bind it to a list"),
    (node(**EACH | {"steps": X}), "steps", "this is an object, not a list", "write a list"),
    (node(**EACH, min_successful="60"), "min_successful", "'60' is neither a count", 'a share such as "60%"'),
    (node(**EACH, min_successful=3), "min_successful", "needs 3 successful elements", "ask for 2 at most"),
    (node(**EACH, min_successful=0), "min_successful", "complete before any element has begun", "ask for 1 at least"),
    (node(**EACH, min_successful="0%", timeout_s=5), "min_successful", "with min_successful 0%", "ask for 1 at least"),
    (node(**EACH, max_concurrency=0), "max_concurrency", "0 is less than 1", "give at least 1"),
    (node(**EACH, stragglers=2), "stragglers", "not an object", "write an object with the fields factor, once"),
    (node(**EACH, stragglers={"factors": 2}), "stragglers.factors", "unknown field", "did you mean 'factor'?"),
    (node(**EACH, complete_when="$results > 1"), "complete_when", "no matching overload", "compare like with like"),
    (node(**EACH, complete_when="$steps.x.score > 1"), "complete_when", "not $steps.x", "leave it out"),
    (node(**EACH, on_failure="ignore"), "on_failure", "'ignore' is none of", "there are default, fail, route, skip"),
    (node(**EACH, on_failure="default"), "", "the node has no default", "add one, or say skip"),
    (node(**EACH, output="y"), "output", "no step 'y' directly inside", "there are x"),
    (node(foreach=[1], steps=[X]), "", "no field says what the node does", "did you mean 'for_each'?"),
    (node(map=[1], steps=[X]), "", "no field says what the node does", "write for_each"),
    (node(parallel=[]), "parallel", "it is empty", "give at least 1"),
    (node(parallel=[X, "y"]), "parallel.1", "this is a string, not an object", "write an object"),
    (node(parallel=[X, Y], output="x"), "output", "unknown field", "there are after, complete_when"),
]
JOINS = [
    (node(**JOIN, join=["a"]), "join", "this is an array of 1, not an object", "write an object with the fields"),
    (node(**JOIN, join={"steps": ["a"]}), "join", "it waits for all, as `after` does", "add min_successful"),
    (node(**JOIN, join={"steps": "a", "timeout_s": 1}), "join.steps", "this is a string, not a list", "write a list"),
    (node(**JOIN, join={"steps": ["a"], "min_sucessful": 1}), "join.min_sucessful", "unknown", "'min_successful'?"),
    (node(**JOIN, join={"steps": ["a", "c"], "timeout_s": 1}), "join.steps", "no step 'c'", "there are a, n"),
    (node(**JOIN, join={"steps": ["a"], "min_successful": 2}), "join.min_successful", "needs 2", "ask for 1 at most"),
    (node(**JOIN, join={"steps": ["a"], "min_successful": 0}), "join.min_successful", "complete before", "ask for 1"),
    (
        node(goal="x", join={"steps": ["a"], "timeout_s": 1}),
        "join",
        "a goal becomes steps",
        "let a step before it join",
    ),
]
TRIES = [
    (node(_try=[X]), "fallback", "required field is missing", "add it"),
    (node(fallback=[X]), "", "no field says what the node does", "write try"),
    (node(_try=[], fallback=[Y]), "try", "it is empty", "give at least 1"),
    (node(_try=[X], fallback=Y), "fallback", "not a list of nodes", "write a list of nodes"),
    (
        node(_try=[X], fallback=[Y], on_failure="skip"),
        "on_failure",
        "says what happens",
        "on the nodes of the fallback",
    ),
    (node(_try=[X], fallback=[Y], catch=[X]), "catch", "unknown field", "output, title, try"),
    (
        node(_try=[X], fallback=[a("y", inputs={"n": "$steps.x"})]),
        "fallback.steps.y.inputs.n",
        "another branch",
        "read",
    ),
]
STEPS = [
    ("a", "", "this is a string, not an object", "write an object"),
    (node(), "capability", "no field says what the node does", "add capability, use, loop"),
    (node(capability="reply"), "capability", "no agent offers 'reply'", "it is a workflow: write use: reply"),
    (node(capability="lok"), "capability", "no agent offers 'lok'", "did you mean 'look'?"),
    (node(**a("n", after="a")), "after", "this is a string, not a list", "write a list"),
    (node(**a("n", retry=3)), "retry", "not an object", "write an object with the fields max_attempts"),
    (node(**a("n", retry={"tries": 3})), "retry.tries", "unknown field", "there are backoff_s, factor, jitter"),
    (node(**a("n", hedge={"after": 1})), "hedge.after", "unknown field", "did you mean 'after_s'?"),
    (node(**a("n", check="output.score > 1")), "check", "must read $output", "write a condition on $output"),
    (node(**a("n", check="$output.score")), "check", "neither true nor false", "compare it with something"),
    (node(**a("n", mailbox={"publish": ["t"]})), "mailbox.publish", "unknown field", "did you mean 'publishes'?"),
    (node(**a("n", depends_on=["a"])), "depends_on", "unknown field", "write after"),
    (node(**a("n", args={"n": 1})), "args", "unknown field", "write inputs"),
    (node(**a("n", retries=3)), "retries", "unknown field", "write retry"),
    (node(**a("n", when="$steps.a.score > 1")), "when", "unknown field", "put the node into a case of a route"),
    (
        node(**a("n", inputs={"n": "$steps.a.hits[0]['n']"})),
        "inputs.n",
        "is not a reference",
        "write $steps.a.hits.0.n",
    ),
    (node(**a("n", fallback=[X])), "fallback", "unknown field", "put the node into a try"),
    (node(**a("n", timeout_s="5 s")), "timeout_s", "this is a string, not a number", "write a number of seconds"),
    (node(**a("ä b")), "id", "'ä b' has characters that are not allowed", "use letters, digits, _ and -"),
]


@pytest.mark.parametrize(
    ("wrong", "field", "told", "fix"),
    [*ROUTES, *LOOPS, *USES, *WAITS, *APPROVALS, *CALLBACKS, *FAN_OUTS, *JOINS, *TRIES, *STEPS],
)
def test_a_mistake_is_told_with_its_field_and_the_fix(wrong, field, told, fix):
    found = refusals(a(), wrong)

    assert found
    places = [f"workflow.steps.{step}{'.' if field else ''}{field}" for step in ("n", 1)]
    flaw = next((one for one in found if one.field in places), None)
    assert flaw is not None, [(one.field, one.message) for one in found]
    assert told in flaw.message
    assert fix in flaw.fix


@pytest.mark.parametrize(
    ("nodes", "field"),
    [
        ([node(**EACH | {"steps": [a("x", typo=1)]})], "n.steps.x.typo"),
        ([node(parallel=[X, node(loop=[a("y", typo=1)], max=2)])], "n.parallel.n.loop.y.typo"),
        ([node(route=[case(), case(steps=[a("y", typo=1)])])], "n.route.1.steps.y.typo"),
        ([node(route=[case()], _else=[a("y", typo=1)])], "n.else.steps.y.typo"),
        ([node(route=[case()], _else={"steps": [a("y", typo=1)]})], "n.else.steps.y.typo"),
        ([node(_try=[X], fallback=[a("y", typo=1)])], "n.fallback.steps.y.typo"),
        ([node(tried=[a("y", typo=1)], fallback=[X])], "n.tried.y.typo"),
        ([a("x", typo=1), a("x")], "0.typo"),
        ([a("ä b")], "0.id"),
        ([a("x" * 100, typo=1)], "0.typo"),
        ([{"capability": "look"}], "0.id"),
        ([a("n", inputs={"steps": [{"id": "x", "step": "a", "typo": 1}]}, typo=1)], "n.typo"),
    ],
)
def test_a_field_names_nodes_by_their_ids_where_they_have_one_of_their_own(nodes, field):
    assert [flaw.field for flaw in refusals(*nodes)] == [f"workflow.steps.{field}"]


@pytest.mark.parametrize(
    ("document", "field", "told", "fix"),
    [
        ({"steps": [a()]}, "steps", "unknown field", "write it inside workflow"),
        ({"goal": "x", "agents": []}, "agents", "unknown field", "give the file of a task"),
        ({"goal": "x", "mode": "wait"}, "mode", "unknown field", "write it inside planning"),
        ({"workflow": {"steps": [a()], "inputs": {}}}, "workflow.inputs", "unknown field", "write it beside workflow"),
        (
            {"workflow": {"steps": {"a": a()}}},
            "workflow.steps",
            "not a list",
            "write a list of nodes, each with its id",
        ),
        (
            {"goal": "x", "limits": {"budget": 5}},
            "limits.budget",
            "unknown",
            "did you mean 'budget_tokens' or 'budget_usd'?",
        ),
        ({"goal": "x", "workflow": {"steps": [a()]}}, "", "both a goal and a workflow", "leave one of them out"),
        ({"goal": None}, "", "neither a goal nor a workflow", "add a goal"),
        ([a()], "", "this is an array of 1, not a task", "write an object with a goal or a workflow"),
        (None, "", "this is null, not a task", "`forerun schema task` prints all fields"),
    ],
)
def test_a_mistake_in_the_whole_task_is_told_too(document, field, told, fix):
    with pytest.raises(ValidationError) as caught:
        parse(document)

    (flaw,) = explain(caught.value, document=document)
    assert flaw.field == field
    assert told in flaw.message
    assert fix in flaw.fix


def test_a_workflow_by_itself_is_explained_too():
    with pytest.raises(ValidationError) as caught:
        Workflow.model_validate({"outputs": {}})

    assert [(flaw.field, flaw.fix) for flaw in explain(caught.value, Workflow)] == [("steps", "add it")]


def test_what_an_approval_gives_is_known():
    asks = {"id": "sign", "approval": "?"}

    (flaw,) = refusals(asks, {"id": "n", "capability": "say", "inputs": {"text": "$steps.sign.coment"}})

    assert (flaw.field, flaw.fix) == ("workflow.steps.n.inputs.text", "did you mean 'comment'?")
    assert not refusals(asks, {"id": "n", "capability": "say", "inputs": {"text": "$steps.sign.comment"}})
    assert not refusals(asks, {"id": "n", "capability": "say", "inputs": {"text": "$steps.sign.answer.text"}})


@pytest.mark.parametrize(
    "asking",
    [
        node(approval="?", on_expiry="fail"),
        node(approval="?", on_expiry="approve", timeout_s=5),
        node(callback="x", on_expiry={"output": 1}, heartbeat_s=5),
        node(**EACH, min_successful="1%"),
    ],
)
def test_what_has_an_effect_is_taken(asking):
    assert not refusals(a(), asking)
