"""The gate: whether a speculative attempt is worth it. Pure arithmetic over a plan, prices and what the learner says.

`price` turns the undispatched steps of a guess into candidates with probability P, saved seconds L and cost C; `decide`
answers each of them. Neither reads a clock, draws a number or keeps state.
"""

from reconciler.gate.candidates import Candidate, price
from reconciler.gate.decisions import Decision, Refusal, decide, refused_for_price
from reconciler.gate.guidance import Calibration, Guidance
from reconciler.gate.policy import GatePolicy, GateState
from reconciler.gate.prices import NodePrice, node_prices
from reconciler.gate.savings import Shape

__all__ = [
    "Calibration",
    "Candidate",
    "Decision",
    "GatePolicy",
    "GateState",
    "Guidance",
    "NodePrice",
    "Refusal",
    "Shape",
    "decide",
    "node_prices",
    "price",
    "refused_for_price",
]
