"""The same workflow from YAML, JSON, pydantic objects and the builder."""

import json

import pytest
import yaml

from forerun import (
    Approval,
    Branch,
    Callback,
    Case,
    ForEach,
    Goal,
    InvalidTask,
    Join,
    Loop,
    Parallel,
    Route,
    Step,
    Try,
    Use,
    Wait,
    Workflow,
    WorkflowBuilder,
)

WRITTEN = """
steps:
  - {id: triage, capability: classify, inputs: {mail: $inputs.mail}, timeout_s: 3}
  - id: answer
    route:
      - when: ($steps.triage.label == "refund") && ($inputs.amount < 100)
        steps: [{id: refund, capability: refund}]
      - when: $steps.triage.notes[0].size() > 3
        steps: [{id: look, capability: search}, {id: file, capability: file, after: [look]}]
        output: look
    else: {steps: [{id: ask, goal: find out, inputs: {mail: $inputs.mail}}]}
    default: nothing
  - id: profiles
    for_each: $inputs.names
    steps: [{id: profile, capability: search, inputs: {name: $item.name}}]
    min_successful: 60%
  - id: opinions
    parallel: [{id: first, capability: ask}, {id: second, use: reply, inputs: {mail: $inputs.mail}, version: "2"}]
    timeout_s: 20
  - id: revise
    loop:
      - {id: judge, capability: judge, inputs: {text: $state.draft}}
      - {id: rewrite, capability: write, inputs: {text: $state.draft, remarks: $steps.judge}}
    max: 5
    state: {draft: $steps.answer}
    next: {draft: $steps.rewrite}
    until: $steps.judge.good
    output: rewrite
  - id: told
    try: [{id: tell, capability: write, inputs: {text: $steps.revise}}]
    fallback: [{id: print, capability: print, inputs: {text: $steps.revise}}]
    default: ""
  - {id: rest, wait: 30, after: [revise]}
  - id: sign
    approval: "Send it?"
    inputs: {text: $steps.revise, seen: [$steps.profiles, $steps.opinions]}
    join: {steps: [profiles, opinions], min_successful: 1}
  - {id: paid, callback: the payment, timeout_s: 3600, after: [sign]}
outputs: {paid: $steps.paid.amount, label: $steps.triage.label}
"""


def built() -> Workflow:
    flow = WorkflowBuilder()
    triage = flow.step("triage", "classify", {"mail": flow.inputs.mail}, timeout_s=3)
    with flow.route("answer", default="nothing") as answer:
        with answer.case((triage.label == "refund") & (flow.inputs.amount < 100)):
            flow.step("refund", "refund")
        with answer.case(triage.notes[0].size() > 3) as bug:
            look = flow.step("look", "search")
            flow.step("file", "file", after=look)
            bug.gives(look)
        with answer.otherwise():
            flow.goal("ask", "find out", {"mail": flow.inputs.mail})
    with flow.for_each("profiles", flow.inputs.names, min_successful="60%") as profiles:
        flow.step("profile", "search", {"name": flow.item.name})
    with flow.parallel("opinions", timeout_s=20) as opinions:
        flow.step("first", "ask")
        flow.use("second", "reply", {"mail": flow.inputs.mail}, version="2")
    with flow.loop("revise", max=5, state={"draft": answer}) as revise:
        judge = flow.step("judge", "judge", {"text": flow.state.draft})
        rewrite = flow.step("rewrite", "write", {"text": flow.state.draft, "remarks": judge})
        revise.next({"draft": rewrite})
        revise.until(judge.good)
        revise.gives(rewrite)
    with flow.try_("told", default="") as told:
        flow.step("tell", "write", {"text": revise})
        with told.fallback():
            flow.step("print", "print", {"text": revise})
    flow.wait("rest", 30, after=[revise])
    seen = [profiles, opinions.output]
    join = {"steps": seen, "min_successful": 1}
    sign = flow.approval("sign", "Send it?", {"text": revise, "seen": seen}, join=join)
    paid = flow.callback("paid", "the payment", timeout_s=3600, after=sign)
    flow.output("paid", paid.amount)
    flow.output("label", triage.label)
    return flow.build()


def objects() -> Workflow:
    mail = {"mail": "$inputs.mail"}
    return Workflow(
        steps=(
            Step(id="triage", capability="classify", inputs=mail, timeout_s=3),
            Route(
                id="answer",
                route=(
                    Case(
                        when='($steps.triage.label == "refund") && ($inputs.amount < 100)',
                        steps=(Step(id="refund", capability="refund"),),
                    ),
                    Case(
                        when="$steps.triage.notes[0].size() > 3",
                        steps=(
                            Step(id="look", capability="search"),
                            Step(id="file", capability="file", after=("look",)),
                        ),
                        output="look",
                    ),
                ),
                otherwise=Branch(steps=(Goal(id="ask", goal="find out", inputs=mail),)),
                default="nothing",
            ),
            ForEach(
                id="profiles",
                for_each="$inputs.names",
                steps=(Step(id="profile", capability="search", inputs={"name": "$item.name"}),),
                min_successful="60%",
            ),
            Parallel(
                id="opinions",
                parallel=(Step(id="first", capability="ask"), Use(id="second", use="reply", inputs=mail, version="2")),
                timeout_s=20,
            ),
            Loop(
                id="revise",
                loop=(
                    Step(id="judge", capability="judge", inputs={"text": "$state.draft"}),
                    Step(id="rewrite", capability="write", inputs={"text": "$state.draft", "remarks": "$steps.judge"}),
                ),
                max=5,
                state={"draft": "$steps.answer"},
                next={"draft": "$steps.rewrite"},
                until="$steps.judge.good",
                output="rewrite",
            ),
            Try(
                id="told",
                tried=(Step(id="tell", capability="write", inputs={"text": "$steps.revise"}),),
                fallback=Branch(steps=(Step(id="print", capability="print", inputs={"text": "$steps.revise"}),)),
                default="",
            ),
            Wait(id="rest", wait=30, after=("revise",)),
            Approval(
                id="sign",
                approval="Send it?",
                inputs={"text": "$steps.revise", "seen": ["$steps.profiles", "$steps.opinions"]},
                join=Join(steps=("profiles", "opinions"), min_successful=1),
            ),
            Callback(id="paid", callback="the payment", timeout_s=3600, after=("sign",)),
        ),
        outputs={"paid": "$steps.paid.amount", "label": "$steps.triage.label"},
    )


def test_yaml_json_objects_and_builder_give_the_same_workflow():
    from_yaml = Workflow.model_validate(yaml.safe_load(WRITTEN))
    from_json = Workflow.model_validate(json.loads(json.dumps(yaml.safe_load(WRITTEN))))

    assert built() == objects() == from_yaml == from_json
    assert len({each.digest for each in (built(), objects(), from_yaml, from_json)}) == 1


def test_a_node_that_is_not_well_formed_is_named():
    flow = WorkflowBuilder()
    flow.step("a", "do", timeouts=3)

    with pytest.raises(InvalidTask) as caught:
        flow.build()

    assert caught.value.field == "steps.a.timeouts"
    assert "timeout_s" in caught.value.fix


def test_a_condition_is_not_a_truth_value():
    flow = WorkflowBuilder()

    with pytest.raises(TypeError, match="combine conditions with &"):
        bool(flow.inputs.a == 1 and flow.inputs.b == 2)


@pytest.mark.parametrize("use", [list, lambda value: "x" in value, lambda value: [*value.name]])
def test_the_elements_of_a_value_are_not_there_yet(use):
    """Python asks whatever has parts for the parts 0, 1, 2 and so on, and a value has all of them."""
    with pytest.raises(TypeError, match="use for_each"):
        use(WorkflowBuilder.inputs)


def test_a_literal_may_stand_before_a_value():
    n = WorkflowBuilder.inputs.n

    assert ("Dear " + n).cel == '"Dear " + $inputs.n'
    assert (1 - n * 2).cel == "1 - ($inputs.n * 2)"
    assert [(2 * n).cel, (2 / n).cel] == ["2 * $inputs.n", "2 / $inputs.n"]


def test_conditions_keep_their_grouping():
    flow = WorkflowBuilder()
    a, b = flow.inputs.a, flow.inputs.b["strange name"]

    assert str(~((a == 1) | (b != "x")) & a.exists()) == (
        '(!(($inputs.a == 1) || ($inputs.b["strange name"] != "x"))) && has($inputs.a)'
    )


def test_built_steps_share_a_context_and_talk():
    flow = WorkflowBuilder()
    flow.step("find", "search", writes=["facts"], mailbox={"publishes": ["news"]})
    flow.step("short", "shorten", {"text": flow.context.facts}, compact={"over_tokens": 100})
    with flow.route("way") as way, way.case(flow.context.facts.size() > 3):
        flow.step("tell", "write", {"text": flow.context.facts[0]}, mailbox={"subscribes": ["news"]})

    written = """
    steps:
      - {id: find, capability: search, writes: {facts: $context.facts}, mailbox: {publishes: [news]}}
      - {id: short, capability: shorten, inputs: {text: $context.facts}, compact: {over_tokens: 100}}
      - id: way
        route:
          - when: $context.facts.size() > 3
            steps:
              - {id: tell, capability: write, inputs: {text: $context.facts.0}, mailbox: {subscribes: [news]}}
    """
    assert flow.build() == Workflow.model_validate(yaml.safe_load(written))
