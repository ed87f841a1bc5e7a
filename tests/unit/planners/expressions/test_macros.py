"""Macros: how they are counted, and that lists which are worked off in parts give the same."""

import pytest

from planners.expressions import engine, isolation
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import is_quick
from planners.expressions.macros import in_parts, nesting


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("ref_0.size() > 3", (0, 0)),
        ("ref_0.map(a, a.n)", (1, 1)),
        ("ref_0.filter(a, (a > 1)).map(a, a.n).all(a, true)", (3, 1)),
        ("ref_0.map(a, ref_1.map(b, a.exists(c, c == b))) == ref_0.map(a, a)", (4, 3)),
        ("ref_0.map(a, '.map(' + a) // .map(", (1, 1)),
        ("ref_0.map(a, ')' + a).exists(b, true)", (2, 1)),
    ],
)
def test_macros_are_counted_where_they_are(text, counted):
    assert nesting(text) == counted


@pytest.mark.parametrize(
    "text",
    [
        "ref_0.hits.map(h, h.n)",
        "ref_0.hits.filter(h, h.n > ref_1).map(h, h.n).size() >= 3",
        "ref_0.hits.filter(h, h.n % 2 == 0)[0].n + ref_0.hits.map(h, h.n)[3]",
        "[ref_0.hits.map(h, {'of': h.n, 'all': [1, 2].map(x, x * h.n)}), ref_0.hits.map(h, ')')]",
        "ref_0.hits.map(h, h.n > 5, h.n)",
        "ref_1 > 3 ? ref_0.none.map(h, h) : ref_0.hits.filter(h, h.n == 7)",
        "ref_0.hits.map(h, ref_0.hits.size())",
        "ref_0.hits.all(h, h.n >= 0) && ref_0.hits.map(h, h.n).exists(n, n == 249)",
    ],
)
def test_parts_give_the_same(text):
    values = {"ref_0": {"hits": [{"n": n} for n in range(250)]}, "ref_1": 2}

    cut, known = in_parts(text, values, 10**6)

    assert engine.made(cut, known, 10**6) == engine.made(text, values, 10**6)


def test_what_fails_in_a_part_fails_as_a_whole():
    values = {"ref_0": [{"n": n} for n in range(250)]}

    assert in_parts("ref_0.map(h, h.m)", values, 10**6) == ("ref_0.map(h, h.m)", values)
    with pytest.raises(ExpressionFailed, match="Key not found"):
        isolation.evaluated("ref_0.map(h, h.m)", values)


def test_many_elements_can_be_filtered_and_mapped():
    values = {"ref_0": [{"n": n, "text": "x" * 50} for n in range(10_000)]}

    assert isolation.made("ref_0.filter(h, h.n % 2 == 0).map(h, h.n)", values, 10**6) == list(range(0, 10_000, 2))


def test_a_few_hundred_elements_are_worked_off_where_they_are_asked_for():
    hits = [{"name": str(n), "n": n, "a": 1, "b": None, "c": ["x"]} for n in range(200)]

    assert is_quick("$inputs.hits.filter(h, h.n > 3).map(h, h.name)", {"$inputs.hits": hits})
    assert not is_quick("$inputs.hits.map(h, $inputs.hits.map(k, k.n))", {"$inputs.hits": hits})
    assert not is_quick("($inputs.hits + $inputs.hits + $inputs.hits).map(h, h.n)", {"$inputs.hits": hits})
