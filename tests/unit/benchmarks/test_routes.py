"""The benchmark of routes, with few tasks: the usual branch starts ahead, and the gate stops what does not pay."""

from benchmarks.routes import run


def test_a_usual_branch_saves_nearly_all_that_is_attainable_and_wastes_little():
    (figures,) = run(tasks=60, shares=(0.9,)).values()

    assert figures["share_of_attainable"] > 0.7
    assert figures["waste"] < 0.06
