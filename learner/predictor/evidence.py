"""Everything known on one request, before any plan is considered."""

from dataclasses import dataclass

from learner.predictor.cold import ToolMentions
from learner.predictor.vectors import Floats


@dataclass(frozen=True)
class Evidence:
    """``scores``: a row as `PlanSpace.parts` cuts it; the others are of the catalog's words alone, two per tool."""

    scores: Floats
    strength: Floats
    place: Floats
    heard: ToolMentions
