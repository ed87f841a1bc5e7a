"""Figures, lanes and the page of a comparison."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise

import pytest
from rich.console import Console

from examples.comparison.lanes import GUTTER, WIDTH, figure, kind_of, short
from examples.comparison.measures import Agreement, agreement, figures, same_work, share_of_attainable
from examples.comparison.table import rows, table
from planners.model import WorkKey
from planners.plans import Placement, Plan, PlanKind, PlannedStep
from planners.tasks import Mode
from planners.workflow import Step
from reconciler.state.commands import RunStatus

WHEN = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def test_the_share_of_attainable_is_what_was_saved_of_what_could_be():
    assert share_of_attainable(20.0, 12.0, 10.0) == pytest.approx(0.8)


def test_a_run_slower_than_waiting_has_a_negative_share():
    assert share_of_attainable(20.0, 21.0, 10.0) == pytest.approx(-0.1)


@pytest.mark.parametrize("oracle_s", [20.0, 19.7, 21.0])
def test_where_nothing_is_attainable_no_share_is_claimed(oracle_s):
    assert share_of_attainable(20.0, 19.0, oracle_s) is None


def test_figures_are_taken_from_the_runs(make_act):
    act = make_act(planned_s=6.0)

    told = figures(act)

    assert told.planning_s == 6.0
    assert told.planning_share == pytest.approx(6.0 / act.wait.view.ended_s)
    assert (told.t_wait_s, told.t_oracle_s) == (act.wait.view.ended_s, act.oracle.view.ended_s)
    assert told.waste == pytest.approx(act.forerun.view.wasted_s / act.forerun.view.agent_s)
    assert told.similarity == 0.93


def test_agreement_is_to_the_last_digit():
    assert agreement([({"e": -1.25}, {"e": -1.25}), (0.1 + 0.2, 0.3), ("a", "a")]) == Agreement(2, 3)


def test_the_table_says_when_results_differ(make_act):
    act = replace(make_act(), agreement=Agreement(49, 50))

    assert "NO: 1 of 50 differ" in [row.values[0] for row in rows([act])]


def test_the_table_has_a_column_for_each_act(make_act):
    paper = StringIO()

    Console(width=120, file=paper).print(table([make_act(title="One"), make_act(title="Two")]))

    text = paper.getvalue()

    assert "One" in text
    assert "Two" in text
    assert "share of attainable" in text


def test_bars_of_a_lane_never_overlap(make_act):
    for panel in figure(make_act().runs).panels:
        for lane in panel.lanes:
            by_row = sorted(lane.boxes, key=lambda box: (box.y, box.x))
            assert all(left.y != right.y or left.x + left.width <= right.x + 1.5 for left, right in pairwise(by_row))


def test_lanes_and_panels_stand_below_each_other_and_inside_the_figure(make_act):
    drawn = figure(make_act().runs)

    tops = [(panel.y, panel.y + panel.height) for panel in drawn.panels]

    assert all(above[1] < below[0] for above, below in pairwise(tops))
    assert tops[-1][1] < drawn.height
    for panel in drawn.panels:
        for lane in panel.lanes:
            assert panel.y < lane.y
            assert lane.y + lane.height <= panel.y + panel.height
            assert all(GUTTER <= box.x <= box.x + box.width <= WIDTH for box in lane.boxes)


def test_what_ran_before_the_plan_is_marked_as_ahead(make_act):
    act = make_act(planned_s=6.0)
    _, speculating, _ = figure(act.runs).panels

    assert any(box.ahead > 0 for lane in speculating.lanes for box in lane.boxes)
    assert all(
        box.x + box.ahead <= speculating.planned_x + 0.1
        for lane in speculating.lanes
        for box in lane.boxes
        if box.ahead
    )


def test_a_guess_is_coloured_by_its_verdict_and_other_work_by_the_plan(make_act):
    act = make_act()

    assert {kind_of(bar) for bar in act.wait.timeline.bars} == {"planned"}
    assert {kind_of(bar) for bar in act.forerun.timeline.bars} == {
        "planned",
        "commit",
        "flush",
        "salvage-keep",
        "salvage-re-parent",
    }


def test_long_node_ids_are_shortened_and_names_are_kept():
    assert short("3f9c2b7a11d04e5c9be8f7a6d5c4b3a2") == "node 3f9c2b7a"
    assert short("gpu-node-with-a-name") == "gpu-node-with-a-name"


class Page(HTMLParser):
    """What a page loads from elsewhere, and whether its elements close."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href") and not value.startswith("data:")]


@pytest.mark.chem
class TestPage:
    @pytest.fixture(autouse=True)
    def _with_rdkit(self):
        pytest.importorskip("rdkit")

    def rendered(self, *acts) -> str:
        from examples.comparison.page import render  # noqa: PLC0415 - it draws with RDKit

        return render(acts, WHEN)

    def test_the_page_loads_nothing_and_runs_nothing(self, make_act):
        page = Page()
        page.feed(self.rendered(make_act()))

        assert page.loads == []
        assert "script" not in page.tags
        assert page.tags.count("svg") == 1

    def test_names_from_the_input_are_text_and_never_markup(self, make_act):
        text = self.rendered(make_act())

        assert "&lt;b&gt;hydrogen &amp; cyanide&lt;/b&gt;" in text
        assert "<b>hydrogen" not in text

    def test_every_ranked_molecule_has_its_drawing(self, make_act, ranking):
        assert self.rendered(make_act()).count("data:image/svg+xml;base64,") == len(ranking)

    def test_both_acts_are_told(self, make_act):
        text = self.rendered(make_act(title="First act"), make_act(title="Second act", planned_s=0.4))

        assert re.search(r"<h2[^>]*>First act</h2>.*<h2[^>]*>Second act</h2>", text, re.DOTALL)

    def test_a_run_without_attempts_or_plan_still_has_its_page(self, make_act):
        act = make_act()
        bare = replace(
            act.forerun,
            view=act.forerun.view.model_copy(
                update={"status": RunStatus.FAILED, "outputs": None, "optimal_plan_s": None, "agent_s": 0.0}
            ),
            timeline=act.forerun.timeline.model_copy(update={"bars": (), "optimal_plan_s": None}),
        )

        text = self.rendered(replace(act, wait=replace(bare, mode=Mode.WAIT), forerun=bare))

        assert "no agent started" in text


def plan(**agents: str) -> Plan:
    """A plan of independent steps; a step's work key is its agent's name here."""
    steps = [
        PlannedStep(
            step=Step(id=step, capability="any"), placement=Placement(agent=agent, node="n"), work_key=WorkKey(agent)
        )
        for step, agent in agents.items()
    ]
    return Plan(kind=PlanKind.OPTIMAL, steps=tuple(steps))


def test_same_work_is_found_wherever_it_stands_in_the_other_plan():
    assert same_work(plan(a="x", b="y"), plan(c="x", d="z")) == {"a": "c"}


def test_without_a_plan_no_work_is_the_same():
    assert same_work(None, plan(a="x")) == {}
