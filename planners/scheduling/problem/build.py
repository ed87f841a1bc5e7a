"""Build a scheduling problem from a plan request."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from planners.agents import AgentSpec
from planners.cluster import ClusterNode
from planners.costs import CostModel, output_bytes
from planners.errors import Infeasible
from planners.model import AgentName
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.scheduling.problem.agent_candidates import Candidates
from planners.scheduling.problem.capacity_limits import CapacityLimits
from planners.scheduling.problem.fan_out_limits import FanOutLimits
from planners.scheduling.problem.feasibility import check_bounds, raise_unplaceable
from planners.scheduling.problem.in_flight import MatchedAttempt, match_in_flight, remaining_s
from planners.scheduling.problem.modes import ExecutionMode, LimitUse
from planners.scheduling.problem.node_groups import NodeGroups
from planners.scheduling.problem.problem import Problem
from planners.scheduling.problem.step_classes import StepClass
from planners.scheduling.problem.step_modes import ModeRows, StepModes
from planners.scheduling.problem.time_scale import MAX_DURATION_S, TimeScale, duration_s
from planners.scheduling.problem.units import ResourceScale, ResourceShape, ResourceShapes, shape_of
from planners.workflow import FlatWorkflow


def build_problem(flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> Problem:
    """The problem of scheduling ``flat`` on the cluster as it is now.

    Raises:
        Infeasible: no agent, no node, or budget or deadline too small; the message says by how much.
    """
    problem = _Builder(flat, request, costs).build()
    check_bounds(problem, request)
    return problem


class _AgentOnGroup(NamedTuple):
    """Everything about an agent on a group of nodes that does not depend on the step."""

    agent: AgentSpec
    group: int
    speed: float
    cold_start_s: float
    lag: int
    lags: tuple[int, ...]
    demand: int
    amounts: tuple[int, ...]
    uses: tuple[LimitUse, ...]

    def mode(self, duration: int, usd: float) -> ExecutionMode:
        """The mode of a new attempt with this duration in quanta and this cost."""
        return ExecutionMode(
            self.agent, self.group, duration, usd, self.lag, self.demand, self.amounts, self.uses, lags=self.lags
        )


class _Builder:
    def __init__(self, flat: FlatWorkflow, request: PlanRequest, costs: CostModel) -> None:
        self._flat, self._request, self._costs = flat, request, costs
        self._cluster = request.cluster
        self._demands: dict[ResourceShape, list[tuple[int, ClusterNode, tuple[int, tuple[int, ...]]]]] = {}
        self._index = {step.id: i for i, step in enumerate(flat.steps)}
        self._on_groups: dict[AgentName, list[_AgentOnGroup]] = {}
        self._fan_outs = FanOutLimits(flat)
        self._shapes = ResourceShapes([node.total for node in self._cluster.nodes])
        self._classes = self._classify_steps()
        agents = {agent.name: agent for step_class in self._classes for agent in step_class.agents}
        demands = [self._shapes.amounts(agent.resources) for agent in agents.values()]
        totals = [self._shapes.amounts(node.total) for node in self._cluster.nodes]
        self._scale = ResourceScale(demands, totals)
        slowest = min((node.speed for node in self._cluster.nodes), default=1.0)
        self._time = TimeScale(sum(step_class.longest_s(slowest) for step_class in self._classes), len(flat.steps))
        self._limits = CapacityLimits(
            agents.values(), request.catalog, self._cluster.reservations, self._time, self._fan_outs.all
        )
        self._nodes = NodeGroups(self._cluster, agents, request.in_flight, self._scale, self._time)

    def build(self) -> Problem:
        steps = self._flat.steps
        parents = self._parents()
        children: list[list[int]] = [[] for _ in steps]
        for child, parents_of_child in enumerate(parents):
            for parent in parents_of_child:
                children[parent].append(child)
        modes = self._modes()
        limits, task = self._request.task.limits, self._request.task
        left_s = None if limits.deadline_s is None else limits.deadline_s - max(0.0, self._request.elapsed_s)
        return Problem(
            flat=self._flat,
            steps=steps,
            parents=tuple(parents),
            children=tuple(map(tuple, children)),
            modes=modes,
            nodes=tuple(node.id for node in self._cluster.nodes),
            groups=self._nodes.groups,
            group_of=self._nodes.group_of,
            limits=self._limits.all,
            guard=self._scale.guard,
            objective=task.objective,
            deadline=None if left_s is None else self._time.down(left_s),
            budget_usd=None if limits.budget_usd is None else limits.budget_usd - self._request.spent_usd,
            quantum_s=self._time.quantum_s,
            min_usd=tuple(modes.usd_ranges()[0].tolist()),
        )

    def _parents(self) -> list[tuple[int, ...]]:
        """The parents of each step, by index."""
        index = self._index
        try:
            return [tuple(map(index.__getitem__, step.parents)) for step in self._flat.steps]
        except KeyError:  # some have finished and are not part of the workflow any more
            return [tuple([index[parent] for parent in step.parents if parent in index]) for step in self._flat.steps]

    def _classify_steps(self) -> list[StepClass]:
        classes: dict[tuple[object, ...], StepClass] = {}
        self._class_of: list[StepClass] = []
        candidates, fan_outs = Candidates(self._request), self._fan_outs.uses
        for i, step in enumerate(self._flat.steps):
            uses = fan_outs.get(step.id, ()) if fan_outs else ()
            key = (candidates.key(step), uses)
            if (step_class := classes.get(key)) is None:
                agents = candidates.of(step)
                usable = [agent for agent in agents if self._shapes.fitting(agent.resources)]
                if not usable:
                    raise_unplaceable(step, self._request, agents)
                step_class = classes[key] = StepClass(usable, self._request.excluded(step.id), uses)
            step_class.steps.append(i)
            self._class_of.append(step_class)
        steps, objective = self._flat.steps, self._request.task.objective
        for step_class in classes.values():
            step_class.ask([steps[i] for i in step_class.steps], self._costs, objective)
        return list(classes.values())

    def _modes(self) -> StepModes:
        classes = [self._new_modes(step_class) for step_class in self._classes]
        modes = StepModes(classes, len(self._flat.steps))
        if self._request.in_flight:
            modes = StepModes(classes, len(self._flat.steps), self._in_flight(modes))
        self._require_modes(modes.counts())
        return modes

    def _in_flight(self, new: StepModes) -> dict[int, tuple[ExecutionMode, ...]]:
        """The attempts in flight that may continue, by step."""
        found = match_in_flight(self._flat, [step_class.agents for step_class in self._class_of], self._request)
        new_count = new.counts().tolist()
        agents = [
            [*(mode.agent.name for mode in modes), *(match.agent.name for match in matches)]
            for modes, matches in zip(new, found, strict=True)
        ]
        return {
            step: tuple(
                self._in_flight_mode(step, match)._replace(requires=_requirements(match, found, agents, new_count))
                for match in matches
            )
            for step, matches in enumerate(found)
            if matches
        }

    def _require_modes(self, counts: NDArray[np.int64]) -> None:
        if not counts.all():
            step = self._flat.steps[int(np.argmin(counts))]
            raise Infeasible(
                f"every agent that could execute step '{step.id}' ({step.capability}) has failed permanently",
                f"workflow.steps.{step.id}",
                "add another agent with this capability, or repair the failing one",
            )

    def _new_modes(self, step_class: StepClass) -> ModeRows:
        """The modes of new attempts of the steps of a class: every agent that has not failed, on every group."""
        agents = [(i, agent) for i, agent in enumerate(step_class.agents) if agent.name not in step_class.refused]
        pairs = [(i, pair) for i, agent in agents for pair in self._agent_on_groups(agent)]
        steps = np.array(step_class.steps, dtype=np.int64)
        if not pairs:
            return ModeRows(steps, np.zeros(len(steps), dtype=np.int64), (), np.zeros((1, 0)), np.zeros((1, 0)))
        if step_class.uses:
            pairs = [(i, pair._replace(uses=(*pair.uses, *step_class.uses))) for i, pair in pairs]
        speed, cold, call, per_s = np.array(
            [(p.speed, p.cold_start_s, p.agent.price.usd_per_call, p.agent.price.usd_per_s) for _, p in pairs]
        ).T
        chosen = [i for i, _ in pairs]
        means, extra, row_of = step_class.different()
        seconds = np.minimum(means[:, chosen] / speed + cold, MAX_DURATION_S)
        later = extra[:, chosen]
        durations = self._time.durations(np.minimum(seconds + later[..., 0], MAX_DURATION_S))
        usd = call + per_s * seconds + later[..., 1]
        first = zip(durations[0].astype(np.int64).tolist(), usd[0].tolist(), strict=True)
        modes = tuple([pair.mode(*figures) for (_, pair), figures in zip(pairs, first, strict=True)])
        return ModeRows(steps, np.array(row_of, dtype=np.int64), modes, durations, usd)

    def _agent_on_groups(self, agent: AgentSpec) -> list[_AgentOnGroup]:
        if agent.name not in self._on_groups:
            uses, cold_s, name = self._limits.uses(agent), agent.cold_start_s, agent.name
            size = output_bytes(self._costs, agent)
            self._on_groups[name] = [
                _AgentOnGroup(
                    agent,
                    group,
                    node.speed,
                    0.0 if (name, node.id) in self._nodes.warm else cold_s,
                    *self._nodes.lags(size, group),
                    *demand,
                    uses,
                )
                for group, node, demand in self._demands_of(agent.resources)
            ]
        return self._on_groups[agent.name]

    def _demands_of(self, resources: Resources) -> list[tuple[int, ClusterNode, tuple[int, tuple[int, ...]]]]:
        """(group, its first node, the demand there) for every group that these resources fit on."""
        shape = shape_of(resources)
        if shape not in self._demands:
            amounts, fitting = self._shapes.amounts(resources), self._shapes.fitting(resources)
            self._demands[shape] = []
            for group, node in enumerate(self._nodes.first):
                if shape_of(node.total) in fitting:
                    demand = self._scale.demand(amounts, self._nodes.groups[group].amounts)
                    self._demands[shape].append((group, node, (self._scale.pack(demand), demand)))
        return self._demands[shape]

    def _in_flight_mode(self, step: int, match: MatchedAttempt) -> ExecutionMode:
        """The mode that continues an attempt: its call is paid and has passed the rate limits."""
        agent = match.agent
        group = self._nodes.group_of[
            next(i for i, node in enumerate(self._cluster.nodes) if node.id == match.flight.node)
        ]
        if match.flight.finished:
            # It holds no resources any more, so it counts even where its agent no longer fits.
            lag, lags = self._nodes.lags(output_bytes(self._costs, agent), group)
            nothing = (0,) * len(self._scale.names)
            return ExecutionMode(agent, group, 0, 0.0, lag, 0, nothing, in_flight=True, lags=lags)
        pair = next(pair for pair in self._agent_on_groups(agent) if pair.group == group)
        step_class = self._class_of[step]
        row = step_class.steps.index(step)
        mean_s = step_class.means[row, [one.name for one in step_class.agents].index(agent.name)].item()
        left_s = remaining_s(duration_s(mean_s, pair.speed), match.flight.elapsed_s)
        mode = pair.mode(self._time.duration(left_s), agent.price.usd_per_s * left_s)
        uses = (*(use for use in pair.uses if use.hold is None), *step_class.uses)
        return mode._replace(uses=uses, in_flight=True)


def _requirements(
    match: MatchedAttempt,
    found: list[list[MatchedAttempt]],
    agents: list[list[AgentName]],
    new_count: list[int],
) -> tuple[tuple[int, frozenset[int]], ...]:
    """Data parents must be the attempts whose outputs this one read; earlier identical steps need the same agent.

    ``agents`` names those of all modes of each step, of which the first ``new_count`` are new attempts.
    """
    parents = (
        (parent, frozenset(new_count[parent] + i for i, other in enumerate(found[parent]) if other.key == key))
        for parent, key in match.parents
    )
    twins = (
        (twin, frozenset(i for i, agent in enumerate(agents[twin]) if agent == match.agent.name))
        for twin in match.twins
    )
    return (*parents, *twins)
