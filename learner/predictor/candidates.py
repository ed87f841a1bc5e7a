"""Candidate plans for a request: the likeliest known plans, chains of likely steps, and small edits of both."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Columns, Floats
from learner.predictor.cold_guess import Evidence
from learner.predictor.history import Recollection
from learner.predictor.numbered_plan import NumberedPlan, begins_with, chain, extended_by, without_step, work_ids
from learner.predictor.plan_space import PlanSpace

_REPEATED = 12  # plans of the same request
_KNOWN = 12
_BEAM_TOOLS = 9
_BEAM_WIDTH = 12
_BEAM_KEPT = 16
_LONGEST_CHAIN = 5
_EDITED, _LONGEST_EDITED = 3, 24
_LEXICAL_TOOLS = 2
_CONTINUED, _GRAFTED = 5, 6


def candidates(
    space: PlanSpace,
    evidence: Evidence,
    recalled: Recollection,
    hidden: frozenset[NumberedPlan] = frozenset(),
) -> list[NumberedPlan]:
    """Distinct plans: those of the request, the likeliest known ones, what the catalog suggests, and others recalled.

    ``hidden`` are the plans that only the request itself got, in training: they are left out of the known plans, as
    they would be for a new request.
    """
    plan_scores, step_scores, edge_scores, _ = space.parts(evidence.scores)
    order = highest(plan_scores, _KNOWN + len(hidden))
    known = [space.plans[column] for column in order.tolist() if space.plans[column] not in hidden][:_KNOWN]
    tools, strength = _likely_tools(space, step_scores, evidence.strength)
    chains = [chain(tuple(tools)) for tools in _chains(space, tools, strength, edge_scores)]
    edits = [
        without_step(plan, k)
        for plan in known[:_EDITED]
        if 2 < len(plan[0]) <= _LONGEST_EDITED
        for k in range(len(plan[0]))
    ]
    suggested = _from_cold_guess(evidence.cold.plan, known)
    return list(dict.fromkeys([*recalled.repeated(_REPEATED), *known, *suggested, *chains, *edits, *recalled.likely()]))


def continuations(
    space: PlanSpace,
    evidence: Evidence,
    prefix: NumberedPlan,
    others: Sequence[NumberedPlan],
    hidden: frozenset[NumberedPlan] = frozenset(),
) -> list[NumberedPlan]:
    """Distinct plans that begin with the prefix, its steps first.

    The likeliest known ones that are not ``hidden``, those among ``others``, the prefix with nothing behind it or with
    likely steps behind its last one, and what ``others`` hold beside it.
    """
    plan_scores, step_scores, edge_scores, _ = space.parts(evidence.scores)
    columns = space.with_works(work_ids(prefix))
    best = columns[highest(plan_scores[columns], _KNOWN + len(hidden))]
    known = [space.plans[column] for column in best.tolist() if space.plans[column] not in hidden][:_KNOWN]
    begun = [begins_with(plan, prefix) for plan in (*known, *others)]
    tools, strength = _likely_tools(space, step_scores, evidence.strength)
    rests = _rests(space, prefix, tools, strength, edge_scores)
    grafts = [[tool for tool in plan[0] if tool not in prefix[0]] for plan in others[:_GRAFTED]]
    extended = [extended_by(prefix, rest) for rest in ([], *rests, *grafts)]
    return list(dict.fromkeys([*(plan for plan in begun if plan is not None), *extended]))


def highest(values: Floats, most: int) -> Columns:
    """Where the highest values are, the highest first and equal ones in their order: without sorting the others."""
    if len(values) <= most:
        return np.argsort(-values, kind="stable")
    least = np.partition(values, len(values) - most)[len(values) - most]
    among = np.flatnonzero(values >= least)
    return np.asarray(among[np.argsort(-values[among], kind="stable")[:most]])


def _rests(
    space: PlanSpace, prefix: NumberedPlan, tools: list[int], strength: Floats, edge_scores: Floats
) -> list[list[int]]:
    """The likeliest chains of one or two further tools behind the last step of the prefix."""
    last = prefix[0][-1]
    among = [index for index, tool in enumerate(tools) if tool not in prefix[0]]
    if not among:
        return []
    nodes, odds = [last, *(tools[index] for index in among)], np.log(strength[among] / (1 - strength[among]))
    links = _link_scores(space, nodes, edge_scores)
    first = odds + links[0, 1:]
    pairs = first[:, None] + odds[None, :] + links[1:, 1:]
    np.fill_diagonal(pairs, -np.inf)
    one = [[nodes[1 + at]] for at in np.argsort(-first, kind="stable")[:_CONTINUED].tolist()]
    best = np.argsort(-pairs, axis=None, kind="stable")[:_CONTINUED]
    rows, columns = np.divmod(best, len(among))
    two = [[nodes[1 + i], nodes[1 + j]] for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if i != j]
    return one + two


def _from_cold_guess(cold: NumberedPlan | None, known: list[NumberedPlan]) -> list[NumberedPlan]:
    """The cold guess, the same without any one step, and joined with the likeliest known plan in either order."""
    if cold is None:
        return []
    tools, likeliest = cold[0], known[0][0] if known else ()
    joined = [
        chain((*tools, *(tool for tool in likeliest if tool not in tools))),
        chain((*likeliest, *(tool for tool in tools if tool not in likeliest))),
    ]
    return [cold, *(without_step(cold, k) for k in range(len(tools)) if len(tools) > 1), *joined]


def _likely_tools(space: PlanSpace, step_scores: Floats, mentioned: Floats) -> tuple[list[int], Floats]:
    """The tools for new chains, with a probability each; unused tools enter by the words of the catalog."""
    top = highest(step_scores, _BEAM_TOOLS)
    of_top = space.labels.tool_of(space.step_labels[top]).tolist()
    strength = dict(zip(reversed(of_top), reversed(step_scores[top].tolist()), strict=True))
    tools = list(dict.fromkeys(of_top))
    best = highest(mentioned, _LEXICAL_TOOLS)
    for tool in best[(space.times_used(best) == 0) & (mentioned[best] > 0)].tolist():
        if tool not in strength:
            tools.append(tool)
            strength[tool] = 0.4 * float(mentioned[tool])
    return tools, np.array([strength[tool] for tool in tools], dtype=np.float32).clip(0.01, 0.97)


def _chains(space: PlanSpace, tools: list[int], strength: Floats, edge_scores: Floats) -> list[list[int]]:
    """Beam search for the likeliest chains of two or more of the tools."""
    if len(tools) < 2:
        return [tools] if tools else []
    unary = np.log(strength / (1 - strength))
    # An edge cannot be likelier than its ends: what counts is its probability given them.
    links = _link_scores(space, tools, edge_scores) - np.log(np.maximum(0.05, np.minimum.outer(strength, strength)))
    sequences = np.arange(len(tools))[:, None]
    totals = unary.copy()
    found: list[tuple[float, list[int]]] = []
    for _ in range(_LONGEST_CHAIN - 1):
        extended = totals[:, None] + unary[None, :] + links[sequences[:, -1]]
        extended[np.arange(len(sequences))[:, None], sequences] = -np.inf
        best = np.argsort(-extended, axis=None, kind="stable")[:_BEAM_WIDTH]
        best = best[np.isfinite(extended.ravel()[best])]
        rows, columns = np.divmod(best, len(tools))
        sequences = np.concatenate((sequences[rows], columns[:, None]), axis=1)
        totals = extended.ravel()[best]
        found += zip(totals.tolist(), sequences.tolist(), strict=True)
        if not len(best):
            break
    found.sort(key=lambda pair: -pair[0])
    return [[tools[index] for index in sequence] for _, sequence in found[:_BEAM_KEPT]]


def _link_scores(space: PlanSpace, tools: list[int], edge_scores: Floats) -> NDArray[np.float64]:
    numbers = np.array(tools)
    columns = space.edge_columns(space.labels.edge_label(numbers[:, None], numbers[None, :]))
    known = np.append(edge_scores, np.float32(0))[columns]
    return np.asarray(np.log(np.maximum(known, 0.01)), dtype=np.float64)
