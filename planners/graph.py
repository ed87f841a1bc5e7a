"""Plans and workflows as graphs: cycles, critical path, slack, parallelism, and exports.

The only module that uses networkx, imported on first use because that takes a third of a second. Nothing here runs
per event or per planning step: it serves reports and error messages.
"""

import json
from collections.abc import Hashable, Iterable, Mapping
from functools import cached_property
from itertools import pairwise
from types import ModuleType
from typing import Any, TypeVar

from pydantic import Field

from planners.model import Model, StepId
from planners.plans import Plan, PlannedStep

_Id = TypeVar("_Id", bound=Hashable)
# Transitive reduction takes time quadratic in the steps, so the drawings of larger plans keep every edge.
_MOST_REDUCED = 1_000


def cycle(parents: Mapping[_Id, Iterable[_Id]]) -> list[_Id] | None:
    """A shortest cycle through the first node that is on one, parents before children; None if there is no cycle."""
    nx = _networkx()
    graph = nx.DiGraph((parent, child) for child, of in parents.items() for parent in of)
    loops = {node for part in nx.strongly_connected_components(graph) if len(part) > 1 for node in part}
    loops |= {node for node in graph if graph.has_edge(node, node)}
    start = next((node for node in parents if node in loops), None)
    if start is None:
        return None
    # Lengths, not paths: all the paths together take memory quadratic in the nodes.
    lengths = nx.single_source_shortest_path_length(graph.reverse(copy=False), start)
    second = min((node for node in graph.successors(start) if node in lengths), key=lengths.__getitem__)
    return [start, *nx.shortest_path(graph, second, start)[:-1]]


class PlanFigures(Model):
    """What the shape of a plan says about its duration and cost, whatever the size of the cluster."""

    critical_path: tuple[StepId, ...] = Field(default=(), description="Its steps, in order")
    floor_s: float = Field(default=0.0, description="Seconds of the critical path; no cluster finishes the plan sooner")
    work_s: float = Field(default=0.0, description="Seconds of all steps in a row")
    useful_parallelism: int = Field(
        default=0,
        description="How many steps run at once if each starts as early as its parents allow; capacity for more "
        "saves no time",
    )
    slack_s: dict[StepId, float] = Field(
        default_factory=dict, description="Step -> how much later it may end without delaying the plan"
    )
    usd: float = Field(default=0.0, description="Dollars of all steps")


class PlanGraph:
    """The steps of one plan and their dependencies.

    Raises:
        ValueError: the steps form a cycle.
    """

    def __init__(self, plan: Plan, told: Mapping[StepId, str] | None = None) -> None:
        """``told``: what is known of nodes that are not unrolled yet, such as the chances of a route."""
        nx = _networkx()
        self._plan = plan
        self._told = told or {}
        self._graph = nx.DiGraph()
        self._graph.add_nodes_from(plan.by_id)
        self._graph.add_edges_from(
            (parent, step.id) for step in plan.steps for parent in step.step.parents if parent in plan.by_id
        )
        try:
            self._order: list[StepId] = list(nx.topological_sort(self._graph))
        except nx.NetworkXUnfeasible:
            raise ValueError("the steps of the plan form a cycle") from None

    @cached_property
    def _earliest_end_s(self) -> dict[StepId, float]:
        """Step id -> when it ends if every step starts as early as its parents allow."""
        ends: dict[StepId, float] = {}
        for step in self._order:
            ends[step] = max((ends[parent] for parent in self._graph.predecessors(step)), default=0.0) + self._s(step)
        return ends

    def figures(self) -> PlanFigures:
        """The numbers that `forerun plan` shows."""
        floor_s = max(self._earliest_end_s.values(), default=0.0)
        return PlanFigures(
            critical_path=self.critical_path(),
            floor_s=floor_s,
            work_s=sum(map(self._s, self._order)),
            useful_parallelism=self.useful_parallelism(),
            slack_s=self.slack_s(),
            usd=self._plan.usd,
        )

    def critical_path(self) -> tuple[StepId, ...]:
        """A longest chain of steps by planned duration, first step first."""
        ends = self._earliest_end_s
        if not ends:
            return ()
        path = [max(self._order, key=ends.__getitem__)]
        while parents := list(self._graph.predecessors(path[-1])):
            path.append(max(parents, key=ends.__getitem__))
        return tuple(reversed(path))

    def slack_s(self) -> dict[StepId, float]:
        """Step id -> seconds that it may end later without delaying the plan; in plan order."""
        ends = self._earliest_end_s
        floor_s = max(ends.values(), default=0.0)
        latest: dict[StepId, float] = {}
        for step in reversed(self._order):
            children = self._graph.successors(step)
            latest[step] = min((latest[child] - self._s(child) for child in children), default=floor_s)
        return {step: max(0.0, latest[step] - ends[step]) for step in self._plan.by_id}

    def useful_parallelism(self) -> int:
        """The most steps that run at once if every step starts as early as its parents allow."""
        changes = [
            change
            for step, end_s in self._earliest_end_s.items()
            if self._s(step) > 0
            for change in ((end_s - self._s(step), 1), (end_s, -1))
        ]
        most = running = 0
        # At one moment ends come before starts: -1 sorts before 1.
        for _, change in sorted((round(at_s, 9), change) for at_s, change in changes):
            running += change
            most = max(most, running)
        return most or min(1, len(self._order))

    def reduced_edges(self) -> list[tuple[StepId, StepId]]:
        """(parent, child) of every dependency that no chain of other dependencies implies."""
        if len(self._order) > _MOST_REDUCED:
            return list(self._graph.edges)
        return list(_networkx().transitive_reduction(self._graph).edges)

    def as_node_link(self) -> dict[str, Any]:
        """The node-link form of networkx: ``nodes`` with what is planned for each, ``edges`` from parent to child."""
        slack_s, critical = self.slack_s(), set(self.critical_path())
        for planned in self._plan.steps:
            self._graph.nodes[planned.id].update(_attributes(planned, slack_s[planned.id], planned.id in critical))
        linked: dict[str, Any] = _networkx().node_link_data(self._graph, edges="edges")
        for pending in self._plan.pending:
            linked["nodes"].append({"id": pending.id, "pending": True, "told": self._told.get(pending.id, "")})
        linked["edges"] += [{"source": parent, "target": node} for parent, node in self._pending_edges()]
        return linked

    def _pending_edges(self) -> list[tuple[StepId, StepId]]:
        """From the steps whose outputs they need to the nodes that are not unrolled yet."""
        pending = ((parent, node.id) for node in self._plan.pending for parent in node.awaited)
        return [edge for edge in pending if edge[0] in self._plan.by_id]

    def _pending_label(self, node: StepId) -> str:
        return "\n".join((node, self._told.get(node, "not unrolled yet")))

    def as_dot(self) -> str:
        """Graphviz DOT without implied edges; the critical path is drawn bold."""
        critical = set(pairwise(self.critical_path()))
        lines = [f"  {_quoted(planned.id)} [label={_quoted(_label(planned))}];" for planned in self._plan.steps]
        lines += [
            f"  {_quoted(parent)} -> {_quoted(child)}{' [style=bold]' if (parent, child) in critical else ''};"
            for parent, child in self.reduced_edges()
        ]
        for pending in self._plan.pending:
            lines.append(f"  {_quoted(pending.id)} [style=dashed, label={_quoted(self._pending_label(pending.id))}];")
        lines += [f"  {_quoted(parent)} -> {_quoted(node)} [style=dashed];" for parent, node in self._pending_edges()]
        return "\n".join(["digraph plan {", "  rankdir=LR;", "  node [shape=box];", *lines, "}"]) + "\n"

    def as_mermaid(self) -> str:
        """A Mermaid flowchart without implied edges; the critical path has thick arrows."""
        names = {step: f"s{index}" for index, step in enumerate(self._plan.by_id)}
        critical = set(pairwise(self.critical_path()))
        lines = [f'  {names[planned.id]}["{_escaped(_label(planned))}"]' for planned in self._plan.steps]
        lines += [
            f"  {names[parent]} {'==>' if (parent, child) in critical else '-->'} {names[child]}"
            for parent, child in self.reduced_edges()
        ]
        names |= {pending.id: f"p{index}" for index, pending in enumerate(self._plan.pending)}
        for pending in self._plan.pending:
            lines.append(f'  {names[pending.id]}(["{_escaped(self._pending_label(pending.id))}"])')
        lines += [f"  {names[parent]} -.-> {names[node]}" for parent, node in self._pending_edges()]
        return "\n".join(["flowchart LR", *lines]) + "\n"

    def _s(self, step: StepId) -> float:
        return self._plan.by_id[step].placement.duration_s


def _attributes(planned: PlannedStep, slack_s: float, critical: bool) -> dict[str, Any]:  # noqa: FBT001
    placement = planned.placement
    return {
        "capability": planned.step.capability,
        "agent": placement.agent,
        "node": placement.node,
        "start_s": placement.start_s,
        "duration_s": placement.duration_s,
        "usd": placement.usd,
        "slack_s": slack_s,
        "critical": critical,
    }


def _label(planned: PlannedStep) -> str:
    return f"{planned.id}\n{planned.placement.agent}, {planned.placement.duration_s:.3g} s"


def _quoted(text: str) -> str:
    # A JSON string is a DOT string: both escape quotes, backslashes and line breaks the same way.
    return json.dumps(text, ensure_ascii=False)


def _escaped(text: str) -> str:
    """For a quoted Mermaid label, where entities are written with ``#``."""
    for character, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("\n", "<br/>")):
        text = text.replace(character, entity)
    return text


def _networkx() -> ModuleType:
    import networkx as nx  # noqa: PLC0415 - see the module docstring

    return nx  # type: ignore[no-any-return]
