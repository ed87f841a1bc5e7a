"""What only a join needs, and where it stands in a level."""

from planners.joins import Joined, Shared, grouped, nesting, owners_of
from planners.node_order import in_order
from planners.workflow import Workflow


def step(name, after=(), **more):
    return {"id": name, "capability": "do", "after": list(after), **more}


def join(name, *steps, **more):
    return step(name, join={"steps": steps, "min_successful": 1}, **more)


def level(*nodes):
    return in_order(Workflow.model_validate({"steps": nodes}).steps)


def ids(visits):
    return list(map(told, visits))


def told(visit):
    match visit:
        case Joined(node, elements):
            return {node.id: [None if one.own is None else ids(one.own) for one in elements]}
        case Shared(_, own):
            return tuple(ids(own))
        case _:
            return visit.id


def test_nodes_without_joins_stay_in_their_order():
    nodes = level(step("a"), step("b", ["a"]))

    assert ids(grouped(nodes)) == ["a", "b"]
    assert owners_of(nodes) == {"a": None, "b": None}


def test_what_only_one_joined_node_needs_is_its_own():
    nodes = level(
        step("shared"), step("x", ["shared"]), step("a", ["x"]), step("b", ["shared"]), join("m", "a", "b"), step("e")
    )

    assert ids(grouped(nodes)) == ["shared", {"m": [["x", "a"], ["b"]]}, "e"]


def test_what_others_read_is_left_to_itself():
    nodes = level(step("x"), step("a", ["x"]), step("b"), step("y", ["x", "b"]), join("m", "a", "b"))

    assert ids(grouped(nodes, ["m"])) == ["x", "b", "y", {"m": [["a"], None]}]
    assert ids(grouped(nodes, ["a"])) == ["x", "a", "b", "y", {"m": [None, None]}]


def test_two_joins_of_the_same_nodes_share_them_with_what_only_these_need():
    nodes = level(step("x"), step("a", ["x"]), step("b"), join("m", "a", "b"), join("n", "a", "b"))

    assert ids(grouped(nodes)) == [("x", "a"), ("b",), {"m": [None, None]}, {"n": [None, None]}]
    assert ids(grouped(nodes, ["b"])) == [("x", "a"), "b", {"m": [None, None]}, {"n": [None, None]}]


def test_what_a_node_reads_that_does_not_join_it_is_not_shared():
    nodes = level(step("a"), join("m", "a"), join("n", "a"), step("e", ["a"]))

    assert ids(grouped(nodes)) == ["a", {"m": [None]}, {"n": [None]}, "e"]


def test_what_is_shared_is_unrolled_where_both_joins_can_read_it():
    nodes = level(
        step("a"),
        step("b"),
        join("m", "a", "b"),
        step("c", ["m"]),
        join("n", "a"),
        step("d", ["n"]),
        join("e", "c", "d"),
    )

    assert ids(grouped(nodes)) == [("a",), {"e": [[{"m": [None, ["b"]]}, "c"], [{"n": [None]}, "d"]]}]


def test_joins_nest():
    nodes = level(step("a"), step("b"), join("m", "a", "b"), step("c", ["m"]), step("d"), join("n", "c", "d"))

    assert ids(grouped(nodes)) == [{"n": [[{"m": [["a"], ["b"]]}, "c"], ["d"]]}]
    assert nesting(nodes) == 2


def test_what_reads_or_writes_the_context_keeps_its_place():
    nodes = level(
        step("w", writes={"k": "$output"}),
        step("a", inputs={"x": "$context.k"}),
        step("b", inputs={"x": "$context.k"}),
        step("v", ["b"], writes={"k": "$output"}),
        step("c", inputs={"x": "$context.k"}),
        join("m", "a", "c", "w"),
    )

    assert ids(grouped(nodes)) == ["w", "a", "b", "v", {"m": [None, ["c"], None]}]
