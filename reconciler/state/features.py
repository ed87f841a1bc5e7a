"""Numbers known about a step before it runs, on which its duration may depend. Planning and outcomes share them."""

from collections.abc import Mapping

from planners.bindings import Gather, Value
from planners.workflow import Step

MAX_FEATURES = 16
_LARGEST = 1e300  # JSON integers may be too large for a float; NaN compares false


def step_features(step: Step) -> Mapping[str, float]:
    """Name -> number: literal numbers by input name, sizes of literal texts and lists, how much is gathered.

    At most MAX_FEATURES, the first by name. References have no features before their values are known.
    """
    found = {"parents": float(len(step.data_parents)), **_literals(step)}
    return {name: found[name] for name in sorted(found)[:MAX_FEATURES]}


def _literals(step: Step) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, binding in step.inputs.items():
        match binding:
            case Value(value=bool() | int() | float() as number) if abs(number) < _LARGEST:
                found[f"input:{name}"] = float(number)
            case Value(value=str() | list() | dict() as sized):
                found[f"size:{name}"] = float(len(sized))
            case _ if isinstance(binding, Gather):
                found[f"size:{name}"] = float(len(binding.gather))
            case _:
                pass
    return found
