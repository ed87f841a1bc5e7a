"""The gate decides whether a speculative attempt is worth its cost. Pure arithmetic over a plan, prices and guidance.

`price` turns the undispatched steps of a guess into candidates, each with probability P, saved seconds L and cost C.
`decide` accepts or refuses each of them. Neither reads a clock or uses randomness. Not here: dispatching, run state.
"""

from reconciler.gate.appraisal import Appraisal, nest_appraisal
from reconciler.gate.candidates import Candidate, Pricing, price
from reconciler.gate.decisions import Decision, Refusal, decide, refused_for_price, worth
from reconciler.gate.guidance import Calibration, Guidance
from reconciler.gate.later_guess import LaterGuess, worth_asking
from reconciler.gate.policy import GatePolicy, GateState
from reconciler.gate.prices import Contended, Contention, Prices
from reconciler.gate.savings import Shape, lateness

__all__ = [
    "Appraisal",
    "Calibration",
    "Candidate",
    "Contended",
    "Contention",
    "Decision",
    "GatePolicy",
    "GateState",
    "Guidance",
    "LaterGuess",
    "Prices",
    "Pricing",
    "Refusal",
    "Shape",
    "decide",
    "lateness",
    "nest_appraisal",
    "price",
    "refused_for_price",
    "worth",
    "worth_asking",
]
