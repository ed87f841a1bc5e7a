"""Candidate plans for a request: the likeliest known plans, chains of likely steps, and small edits of both."""

import numpy as np
from numpy.typing import NDArray

from learner.predictor.arrays import Floats
from learner.predictor.cold_guess import Evidence
from learner.predictor.numbered_plan import NumberedPlan, chain, without_step
from learner.predictor.plan_space import PlanSpace

_KNOWN = 12
_BEAM_TOOLS = 9
_BEAM_WIDTH = 12
_BEAM_KEPT = 8
_LONGEST_CHAIN = 5
_EDITED, _LONGEST_EDITED = 3, 24
_LEXICAL_TOOLS = 2


def candidates(space: PlanSpace, evidence: Evidence, own: NumberedPlan | None = None) -> list[NumberedPlan]:
    """Distinct plans: the likeliest known ones first, then what the catalog suggests.

    ``own`` is the example's own plan, in training. Where no other example has it, it is left out of the known plans, as
    it would be for a new request.
    """
    plan_scores, step_scores, edge_scores, _ = space.parts(evidence.scores)
    hidden = own if own is not None and space.occurs_once(own) else None
    order = np.argsort(-plan_scores, kind="stable")[: _KNOWN + 1]
    known = [space.plans[column] for column in order.tolist() if space.plans[column] != hidden][:_KNOWN]
    tools, strength = _likely_tools(space, step_scores, evidence.strength)
    chains = [chain(tuple(tools)) for tools in _chains(space, tools, strength, edge_scores)]
    edits = [
        without_step(plan, k)
        for plan in known[:_EDITED]
        if 2 < len(plan[0]) <= _LONGEST_EDITED
        for k in range(len(plan[0]))
    ]
    return list(dict.fromkeys([*known, *_from_cold_guess(evidence.cold.plan, known), *chains, *edits]))


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
    top = np.argsort(-step_scores, kind="stable")[:_BEAM_TOOLS]
    of_top = space.labels.tool_of(space.step_labels[top]).tolist()
    strength = dict(zip(reversed(of_top), reversed(step_scores[top].tolist()), strict=True))
    tools = list(dict.fromkeys(of_top))
    best = np.argsort(-mentioned, kind="stable")[:_LEXICAL_TOOLS]
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
