"""Fields that expressions read of elements of lists: those that no output has are refused, with the nearest name."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from actors.agent import agent
from actors.catalog import catalog_of
from planners.tasks import Task
from planners.validation import flaws


class Hit(BaseModel):
    name: str
    score: float
    kind: Literal["web", "file"] = "web"
    tags: list[str] = Field(default_factory=list)
    inner: "list[Hit]" = Field(default_factory=list)


class Page(BaseModel):
    name: str
    pages: int


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Found(BaseModel):
    hits: list[Hit]
    best: Hit | None = None
    more: dict[str, Hit] = Field(default_factory=dict)


@agent("look")
async def look(n: int) -> Hit:
    return Hit(name=str(n), score=n)


@agent("read")
async def read(n: int) -> Page:
    return Page(name=str(n), pages=n)


@agent("guess")
async def guess(n: int) -> Anything:
    return Anything(name=str(n))


@agent("find")
async def find(n: int) -> Found:
    return Found(hits=[Hit(name=str(n), score=n)])


@agent("list")
async def names(of: list[str]) -> str:
    return ", ".join(of)


CATALOG = catalog_of(look, read, guess, find, names)
FIND = {"id": "find", "capability": "find", "inputs": {"n": 1}}


def step(name: str, capability: str = "look", **more: Any) -> dict[str, Any]:
    return {"id": name, "capability": capability, "inputs": {"n": 1}, **more}


def each(condition: str, *inside: dict[str, Any]) -> dict[str, Any]:
    return {"id": "each", "for_each": [1, 2], "steps": list(inside or [step("look")]), "complete_when": condition}


def found(*steps: dict[str, Any], **inputs: Any) -> list[tuple[str, str, str]]:
    task = Task.model_validate({"inputs": inputs, "workflow": {"steps": list(steps)}})
    return [(flaw.field, flaw.message, flaw.fix) for flaw in flaws(task, CATALOG)]


@pytest.mark.parametrize(
    "condition",
    [
        "$results.filter(r, r.score > 0.8).size() >= 1",
        "$results.exists(r, r.score == 1 || r.score == 1.5)",
        "$results.exists(r, 'name' in r) && $results[0]['score'] > 1",
        "$results.exists(r, has(r.note)) || $results.map(r, r == {'name': 'a'}).size() > 2",
        "$results.exists(r, r.inner.exists(i, i.inner[0].tags[0] == 'x'))",
        "$results.map(r, r.kind) == ['web', 'file'] && $confidences.exists(c, c > 0.5)",
        "$results.exists(r, r.score > $inputs.least)",
    ],
)
def test_what_outputs_have_may_be_read(condition):
    assert found(each(condition), least=0.5) == []


@pytest.mark.parametrize(
    ("condition", "told", "fix"),
    [
        ("$results.filter(r, r.scoer > 0.8).size() >= 1", "the field 'scoer'", "did you mean 'score'?"),
        ("$results[0].inner.exists(i, i.nmae == 'x')", "the field 'nmae'", "did you mean 'name'?"),
        (
            "has($results[0].note) && $results[0].note > 1",
            "the field 'note'",
            "there are inner, kind, name, score, tags",
        ),
        ("$results.exists(r, r.name > 3)", "'_>_' applied to '(string, int)'", "compare like with like"),
        ("$results.exists(r, r.tags.exists(t, t == 1))", "'_==_' applied", "compare like with like"),
        ("$results.exists(r, r.score > $inputs.leats)", "no input 'leats'", "add it to inputs (did you mean 'least'?)"),
        ("$results.best == 1", "$results has no 'best'", "it is a list: choose an element by its index"),
    ],
)
def test_what_they_lack_is_refused(condition, told, fix):
    ((field, message, mended),) = found(each(condition), least=0.5)

    assert field == "workflow.steps.each.complete_when"
    assert told in message
    assert mended.startswith(fix)


def test_elements_of_several_kinds_have_the_fields_of_any_of_them():
    both = {"id": "each", "parallel": [step("look"), step("read", "read")]}
    assert found({**both, "complete_when": "$results.exists(r, has(r.pages) && r.pages > 1 || r.score > 1)"}) == []

    ((field, message, _),) = found({**both, "complete_when": "$results.exists(r, r.page > 1)"})
    assert (field, "'page'" in message) == ("workflow.steps.each.complete_when", True)

    assert (
        found({"id": "each", "parallel": [step("look"), step("g", "guess")], "complete_when": "$results[0].page > 1"})
        == []
    )


def test_a_join_and_a_check_are_read_like_a_fan_out():
    join = {"steps": ["a", "b"], "complete_when": "$results.exists(r, r.pages > 1 && r.nmae == 'x')"}
    joining = {"id": "last", "capability": "list", "inputs": {"of": ["x"]}, "join": join}
    ((field, _, fix),) = found(step("a"), step("b", "read"), joining)
    assert (field, fix) == ("workflow.steps.last.join.complete_when", "did you mean 'name'?")

    assert found(step("a", check="$output.best == null || $output.score > 1 && $confidence > 0.5")) != []
    ((field, message, fix),) = found(step("a", check="$output.scoer > 1"))
    assert (field, message) == ("workflow.steps.a.check", "$output has no 'scoer' at the top")
    assert fix == "did you mean 'score'?"


def test_inputs_and_routes_read_elements_of_outputs_too():
    def listed(cel):
        return {"id": "l", "capability": "list", "inputs": {"of": {"cel": cel}}}

    assert found(FIND, listed("$steps.find.hits.map(h, h.name)")) == []
    ((field, message, fix),) = found(FIND, listed("$steps.find.hits.map(h, h.title)"))
    assert field == "workflow.steps.l.inputs.of"
    assert message.startswith("'$steps.find.hits.map(h, h.title)' makes no value: it reads the field 'title'")
    assert fix == "there are inner, kind, name, score, tags"

    route = {"id": "way", "route": [{"when": "$steps.find.hits.exists(h, h.scor > 1)", "steps": [step("a")]}]}
    ((field, _, fix),) = found(FIND, route)
    assert (field, fix) == ("workflow.steps.way.route.0.when", "did you mean 'score'?")


def test_what_may_be_null_may_be_compared_with_it():
    assert (
        found({**FIND, "check": "$output.best == null || $output.best.score > 1 || $output.more['x'].score > 1"}) == []
    )

    ((_, message, _),) = found({**FIND, "check": "$output.best == null || $output.hits[0].best > 1"})
    assert "the field 'best'" in message


def test_schemas_of_any_size_and_depth_are_read():
    names = [*(f"f{number}" for number in range(20_000)), "class", "foo_bar", "fooBar", "with space", "ü", ""]
    wide = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    deep: dict[str, Any] = {"type": "object", "properties": {"s": {"type": "string"}}}
    for _ in range(40):
        deep = {
            "type": "object",
            "properties": {"a": deep, "b": {"type": "array", "items": deep}, "foo_bar": deep, "fooBar": deep},
        }
    for schema in (wide, deep, {"type": "array", "items": {"type": "array", "items": deep}}):
        agent_of = CATALOG.by_name["look"].model_copy(update={"output_schema": schema})
        each = {
            "id": "each",
            "for_each": [1],
            "steps": [step("look")],
            "complete_when": "$results.exists(r, r.f1 == 'x')",
        }
        task = Task.model_validate({"workflow": {"steps": [each]}})

        assert len(list(flaws(task, CATALOG.model_copy(update={"agents": (agent_of,)})))) <= 1


def test_what_is_joined_may_be_compared_with_null():
    join = {"steps": ["a", "find"], "min_successful": 1}

    def reads(cel):
        return {"id": "last", "capability": "list", "inputs": {"of": {"cel": cel}}, "join": join}

    assert found(step("a"), FIND, reads("$steps.a == null ? ['none'] : [$steps.a.name]")) == []
    assert found(step("a"), FIND, reads("[$steps.a].filter(one, one != null).map(one, one.name)")) == []
    assert found(step("a"), FIND, reads("$steps.find.hits == null ? [] : $steps.find.hits.map(h, h.name)")) == []

    ((_, _, fix),) = found(step("a"), FIND, reads("$steps.a == null ? ['none'] : [$steps.a.nmae]"))
    assert fix == "did you mean 'name'?"
    ((_, _, fix),) = found(step("a"), FIND, reads("[$steps.a].filter(one, one != null).map(one, one.nmae)"))
    assert fix == "did you mean 'name'?"
    route = {"id": "way", "route": [{"when": "$steps.a == null", "steps": [step("b")]}], "join": join}
    assert found(step("a"), FIND, route) == []
    assert found(step("a"), FIND, {**route, "join": None, "after": ["find"]}) != []
