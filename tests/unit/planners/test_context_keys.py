"""The context of a task: which version of a key a step reads follows from its place in the workflow."""

import pytest

from planners.agents import AgentSpec, Catalog
from planners.bindings import Composed, Gather, StepRef, shorthand
from planners.expansion import flatten
from planners.facts import Elements, Facts
from planners.tasks import Task
from planners.validation import flaws as all_flaws
from planners.validation.structure import broken_structure
from planners.work_keys import InputDigests, work_keys
from planners.workflow import Workflow


def step(name, **more):
    return {"id": name, "capability": "do", **more}


def reader(name="read", key="facts", **more):
    return step(name, inputs={"of": f"$context.{key}"}, **more)


def writer(name, *keys, **more):
    return step(name, writes=list(keys or ["facts"]), **more)


def flat(*steps, known=None, facts=None, **more):
    workflow = Workflow.model_validate({"steps": list(steps), **more})
    assert [flaw.message for flaw in broken_structure(workflow)] == []
    return flatten(workflow, {"list": [1, 2]}, known or {}, facts)


def read_by(unrolled, name="read"):
    """What an input of a step is bound to."""
    return unrolled.by_id[name].inputs["of"]


def written_by(step_id, key="facts"):
    return StepRef(step=step_id, path=("$context", key))


def flaws(*steps, **more):
    workflow = Workflow.model_validate({"steps": list(steps), **more})
    return [(flaw.field, flaw.message, flaw.fix) for flaw in broken_structure(workflow)]


def test_a_reader_depends_on_the_step_that_wrote_the_key():
    unrolled = flat(writer("a"), reader())

    assert read_by(unrolled) == written_by("a")
    assert unrolled.by_id["read"].parents == ("a",)


def test_each_reader_sees_the_version_before_it():
    unrolled = flat(writer("a"), reader("early"), writer("b", inputs={"of": "$context.facts"}), reader("late"))

    assert read_by(unrolled, "early") == written_by("a")
    assert read_by(unrolled, "b") == written_by("a")
    assert read_by(unrolled, "late") == written_by("b")


def test_a_part_of_the_output_may_be_written():
    unrolled = flat(step("a", writes={"facts": "$output.found.0", "all": "$output"}), reader(), reader("r2", "all.x"))

    assert read_by(unrolled) == StepRef(step="a", path=("found", 0))
    assert read_by(unrolled, "r2") == StepRef(step="a", path=("x",))


def test_the_whole_context_is_an_object_of_all_keys():
    unrolled = flat(writer("a", "y", "x"), step("read", inputs={"of": "$context"}))

    assert read_by(unrolled) == Composed(composed={"x": written_by("a", "x"), "y": written_by("a", "y")})


def test_the_writer_of_the_version_that_is_read_is_part_of_the_work_key():
    def key(*steps):
        unrolled = flat(*steps)
        return work_keys([(one, "agent") for one in unrolled.steps], InputDigests({}))["read"]

    first = key(writer("a", inputs={"n": 1}), reader())

    assert first == key(writer("b", inputs={"n": 1}), reader())
    assert first != key(writer("a", inputs={"n": 2}), reader())
    assert first != key(writer("a", inputs={"n": 1}), writer("b", inputs={"n": 2}, after=["a"]), reader())


def test_elements_of_a_for_each_do_not_see_each_other_and_give_a_list():
    each = {
        "id": "each",
        "for_each": "$inputs.list",
        "steps": [reader("inner"), writer("found", after=["inner"])],
    }

    unrolled = flat(writer("a"), each, reader())

    assert read_by(unrolled, "inner[1]") == written_by("a")
    assert read_by(unrolled) == Gather(gather=(written_by("found[0]"), written_by("found[1]")))


def test_what_dropped_elements_would_have_written_is_missing():
    each = {"id": "each", "for_each": "$inputs.list", "steps": [writer("found")], "tolerated_failures": 1}
    facts = Facts(fan_outs={"each": Elements(dropped={0: "failed"}, kept=(1,))})

    assert read_by(flat(each, reader(), facts=facts)) == Gather(gather=(written_by("found[1]"),))


def test_nodes_side_by_side_do_not_see_each_other_and_give_a_list():
    unrolled = flat(writer("a"), {"id": "p", "parallel": [writer("x"), reader("y")]}, reader())

    assert read_by(unrolled, "y") == written_by("a")
    assert read_by(unrolled) == Gather(gather=(written_by("x"),))


@pytest.mark.parametrize(("known", "version"), [("b", "inner"), ("c", "a")])
def test_a_route_goes_on_with_what_the_branch_that_is_taken_has_written(known, version):
    route = {
        "id": "way",
        "route": [{"when": "$steps.q == 'b'", "steps": [writer("inner")]}],
        "else": [step("other")],
        "after": ["a"],
    }

    unrolled = flat(step("q"), writer("a"), route, reader(), known={"q": known})

    assert read_by(unrolled) == written_by(version)


def test_a_reader_behind_an_open_route_waits_for_it():
    route = {"id": "way", "route": [{"when": "$steps.q == 'b'", "steps": [writer("inner")]}], "after": ["a"]}

    unrolled = flat(step("q"), writer("a"), route, reader())

    assert [pending.id for pending in unrolled.pending] == ["way", "read"]


def test_a_reader_of_what_nobody_has_written_is_skipped():
    route = {"id": "way", "route": [{"when": "$steps.q == 'b'", "steps": [writer("inner")]}]}

    unrolled = flat(step("q"), route, reader(), known={"q": "c"})

    assert "read" in [skipped.id for skipped in unrolled.skipped]
    assert "nothing before it has written 'facts'" in unrolled.skipped[-1].reason


def test_turns_of_a_loop_see_what_the_turn_before_has_written():
    loop = {"id": "rounds", "loop": [writer("turn", inputs={"of": "$context.facts"})], "max": 2}

    unrolled = flat(writer("a"), loop, reader())

    assert read_by(unrolled, "turn[0]") == written_by("a")
    assert read_by(unrolled, "turn[1]") == written_by("turn[0]")
    assert read_by(unrolled) == written_by("turn[1]")


def test_a_loop_may_end_by_what_was_written():
    loop = {"id": "rounds", "loop": [writer("turn")], "max": 3, "until": "$context.facts > 1"}

    unrolled = flat(loop, known={"turn[0]": None}, facts=Facts(spoken={"turn[0]": {"$context": {"facts": 2}}}))

    assert [one.id for one in unrolled.steps] == ["turn[0]"]
    assert not unrolled.pending


def test_a_for_each_may_run_over_what_was_written():
    each = {"id": "each", "for_each": "$context.facts", "steps": [step("inner", inputs={"of": "$item"})]}

    unrolled = flat(writer("a"), each, known={"a": None}, facts=Facts(spoken={"a": {"$context": {"facts": [7, 8]}}}))

    assert read_by(unrolled, "inner[1]") == StepRef(step="a", path=("$context", "facts", 1))


def test_what_failed_steps_have_written_does_not_count():
    tried = {"id": "t", "try": [writer("b")], "fallback": [step("c")], "after": ["a"]}

    unrolled = flat(writer("a"), tried, reader(), facts=Facts(fan_outs={"t": Elements(dropped={0: "x"}, failed="x")}))

    assert read_by(unrolled) == written_by("a")


TRIED = {"id": "t", "try": [step("b"), step("c", inputs={"of": "$steps.b"})], "fallback": [writer("d")]}
FAILED = Facts(fan_outs={"t": Elements(dropped={0: "x"}, failed="x")})


def awaited_by(unrolled):
    return {one.id: one.awaited for one in unrolled.pending}


@pytest.mark.parametrize("before", [[], [writer("a")]])
def test_a_key_that_a_fallback_may_write_is_pending_until_the_first_steps_have_ended(before):
    steps = [*before, {**TRIED, "after": [one["id"] for one in before]}, reader()]

    waiting, failed, ended = flat(*steps), flat(*steps, facts=FAILED), flat(*steps, known={"c": 1})

    assert awaited_by(waiting) == {"read": (), "t": ("c",)}
    assert not waiting.skipped
    assert not failed.pending
    assert read_by(failed) == written_by("d")
    assert not ended.pending
    assert [one.id for one in ended.skipped] == ([] if before else ["read"])
    assert not before or read_by(ended) == written_by("a")


def test_a_reader_of_what_the_first_steps_write_follows_them_and_need_not_be_pending():
    tried = {**TRIED, "try": [writer("b"), step("c")]}

    unrolled = flat(tried, reader())

    assert not unrolled.pending
    assert read_by(unrolled) == written_by("b")
    assert unrolled.by_id["read"].after == ("c",)


def test_a_key_is_pending_while_a_fallback_may_write_it_in_place_of_a_first_step_that_was_given_up():
    tried = {**TRIED, "try": [writer("b", on_failure="skip"), step("c")]}

    unrolled = flat(tried, reader(), facts=Facts(given_up={"b": "it failed"}))

    assert awaited_by(unrolled) == {"read": (), "t": ("c",)}
    assert [one.id for one in unrolled.skipped] == ["b"]


def test_an_output_that_is_a_key_waits_for_the_fallback_that_may_write_it():
    waiting = flat(writer("a"), {**TRIED, "after": ["a"]}, outputs={"facts": "$context.facts"})

    assert awaited_by(waiting) == {"t": ("c",)}
    assert waiting.outputs == {}


def test_a_reader_of_the_whole_context_waits_for_the_fallback_that_may_write_to_it():
    unrolled = flat(writer("a", "other"), {**TRIED, "after": ["a"]}, step("read", inputs={"of": "$context"}))

    assert awaited_by(unrolled) == {"read": (), "t": ("c",)}


def test_a_turn_of_a_loop_waits_for_a_fallback_that_may_write_what_the_next_one_reads():
    loop = {"id": "rounds", "loop": [TRIED, reader("turn", after=["t"])], "max": 2}

    assert awaited_by(flat(writer("a"), {**loop, "after": ["a"]})) == {"turn[0]": (), "rounds": (), "t[0]": ("c[0]",)}


def test_nothing_waits_for_a_key_that_only_the_fallback_itself_reads():
    tried = {**TRIED, "fallback": [writer("d"), reader("e")]}

    assert not flat(tried, step("next", inputs={"of": "$steps.t"})).pending


def test_a_used_workflow_has_a_context_of_its_own():
    use = {"id": "u", "use": "w", "steps": [writer("u/in"), reader("u/read")]}

    unrolled = flat(writer("a"), use, reader())

    assert read_by(unrolled, "u/read") == written_by("u/in")
    assert read_by(unrolled) == written_by("a")


def test_outputs_of_the_task_may_be_keys():
    assert flat(writer("a"), outputs={"facts": "$context.facts"}).outputs == {"facts": written_by("a")}


def test_a_summary_travels_in_place_of_an_output():
    each = {"id": "each", "for_each": "$inputs.list", "steps": [step("in")]}
    unrolled = flat(step("a"), each, step("read", inputs={"of": ["$handoffs.a.summary", "$handoffs.each.summary"]}))

    assert shorthand(read_by(unrolled)) == [
        "$handoffs.a.summary",
        ["$handoffs.in[0].summary", "$handoffs.in[1].summary"],
    ]


def test_a_key_that_nothing_before_writes_is_refused():
    assert flaws(reader(), writer("a")) == [
        (
            "workflow.steps.read.inputs.of",
            "no node before it writes 'facts' to the context",
            "declare writes: [facts] on a step before it",
        )
    ]


def test_writers_that_may_run_at_the_same_time_are_refused():
    ((field, message, fix),) = flaws(writer("a"), writer("b"))

    assert field == "workflow.steps.b"
    assert message == "'a' and 'b' write 'facts' to the context, and may run at once"
    assert fix.startswith("add after: [a]")
    assert not flaws(writer("a"), writer("b", after=["a"]), writer("c", inputs={"of": "$context.facts"}))


def test_a_compensation_reads_of_the_context_what_its_step_reads():
    undo = {"compensate": {"capability": "undo", "inputs": {"of": "$context.facts"}}}

    assert [field for field, _, _ in flaws(writer("a"), step("b", **undo))] == ["workflow.steps.b.compensate.inputs.of"]
    unrolled = flat(writer("a"), reader("b", **undo), writer("c", after=["b"]))
    assert unrolled.by_id["b"].compensate.inputs["of"] == written_by("a")


def test_a_part_that_no_agent_gives_is_refused():
    schema = {"type": "object", "properties": {"found": {}}, "additionalProperties": False}
    catalog = Catalog(agents=(AgentSpec(name="agent", capability="do", output_schema=schema),))
    task = Task.model_validate(
        {"workflow": {"steps": [step("a", writes={"ok": "$output.found", "no": "$output.fund"})]}}
    )

    ((field, fix),) = [(flaw.field, flaw.fix) for flaw in all_flaws(task, catalog)]

    assert field == "workflow.steps.a.writes.no"
    assert fix == "did you mean 'found'?"


@pytest.mark.parametrize("writes", [["no key"], {"k": "$inputs.x"}, {"k": 3}, [1], {"k": "$outputs"}])
def test_writes_that_name_nothing_are_refused(writes):
    with pytest.raises(ValueError, match="writes"):
        Workflow.model_validate({"steps": [step("a", writes=writes)]})


def test_stored_workflows_keep_what_they_read_and_write():
    workflow = Workflow.model_validate({"steps": [writer("a"), reader(), reader("r", "facts.0")]})

    assert Workflow.model_validate(workflow.model_dump(mode="json")) == workflow
