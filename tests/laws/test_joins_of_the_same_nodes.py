"""Joins of the same nodes: each gives what it would give if it were the only one."""

from declared import Declared, a_task, step
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.simulation import Restart
from reconciler.state.commands import RunStatus
from reconciler.state.handoff import Failure, FailureKind

NODES = "abcd"
POLICIES = st.sampled_from(
    [
        {"tolerated_failures": 1},
        {"tolerated_failures": 0},
        {"tolerated_failures": "50%"},
        {"min_successful": 1},
        {"min_successful": 2},
        {"min_successful": 3, "tolerated_failures": 1},
        {"timeout_s": 2.25},
        {"timeout_s": 1.25, "min_successful": 2},
        {"complete_when": "$results.exists(r, r >= 12)", "tolerated_failures": 2},
    ]
)
JOINS = st.lists(
    st.tuples(st.lists(st.sampled_from(NODES), min_size=1, max_size=4, unique=True), POLICIES), min_size=2, max_size=3
)


def nodes(prepared):
    """Four nodes, some of which are prepared by a step of their own."""
    for number, name in enumerate(NODES):
        before = [f"before-{name}"] if name in prepared else []
        yield from (step(one, inputs={"n": number}) for one in before)
        yield step(name, inputs={"n": 10 + number}, after=before)


def joining(name, joined, policy):
    inputs = {"all": [f"$steps.{one}" for one in joined]}
    return step(name, "say", inputs=inputs, join={"steps": joined, **policy}, on_failure="skip")


def played(steps, broken, seconds, mode, restarts=()):
    def output(_capability, inputs, _number):
        if "all" in inputs:
            return inputs["all"]
        if inputs["n"] in broken:
            return Failure(kind=FailureKind.BAD_INPUT, message="bad")
        return inputs["n"]

    lasting = lambda _capability, inputs, _number: seconds.get(inputs.get("n"), 0.1)  # noqa: E731
    task = a_task(steps, mode=mode)
    return Declared(task, output=output, seconds=lasting, plan_s=0.01, evaluation_s=0.01, restarts=restarts).play()


@settings(max_examples=12)
@given(
    joins=JOINS,
    broken=st.sets(st.sampled_from([0, 1, 2, 3, 10, 11, 12, 13]), max_size=3),
    order=st.permutations([0, 1, 2, 3, 10, 11, 12, 13]),
    prepared=st.sets(st.sampled_from(NODES)),
    mode=st.sampled_from(["wait", "forerun"]),
    restart=st.integers(2, 30),
)
def test_each_join_gives_what_it_would_give_alone(*, joins, broken, order, prepared, mode, restart):
    """Nodes end half a second apart, so that no join is decided by what is planned meanwhile."""
    seconds = {n: 0.5 * (1 + at) for at, n in enumerate(order)}
    own = list(nodes(prepared))
    steps = [joining(f"join-{number}", *one) for number, one in enumerate(joins)]

    together = played([*own, *steps], broken, seconds, mode)
    restarted = played([*own, *steps], broken, seconds, mode, (Restart(after=restart),))

    assert together.run.status is RunStatus.SUCCEEDED or not_joined(joins)
    for number, (joined, _) in enumerate(joins):
        needed = {one for name in joined for one in (name, f"before-{name}")}
        alone = played([*(node for node in own if node["id"] in needed), steps[number]], broken, seconds, mode)
        name = f"join-{number}"
        if together.run.status is RunStatus.SUCCEEDED:
            assert together.outputs.get(name) == alone.outputs.get(name)
            assert restarted.run.status is RunStatus.SUCCEEDED


def not_joined(joins):
    """Whether there are nodes that nobody joins: their failure is that of the task."""
    return {name for joined, _ in joins for name in joined} != set(NODES)
