"""Forerun's own top-level packages, and how to tell that a package of the same name hides one of them."""

import sys
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

NAMES = ("planners", "reconciler", "learner", "actors", "orchestrator")


def hiding_packages(folder: Path) -> list[Path]:
    """Packages and modules in a folder that would hide one of Forerun's if the folder came first on ``sys.path``."""
    found = ((name, place) for name in NAMES for place in (folder / name, folder / f"{name}.py"))
    return [
        place
        for name, place in found
        if (place.is_file() or (place / "__init__.py").is_file()) and place.resolve() != _place_of(name)
    ]


@cache
def refuse_shadowing() -> None:
    """Check once that Forerun's packages come from one installation.

    Raises:
        ImportError: a package or module elsewhere on ``sys.path`` hides one of them; names both.
    """
    places = {name: place for name in NAMES if (place := _place_of(name)) is not None}
    if hidden := shadowed(places):
        raise ImportError(shadowing_message(hidden[0], places[hidden[0]]))


def shadowed(places: dict[str, Path]) -> list[str]:
    """The names whose place is not the folder that holds most of the others."""
    if not places:
        return []
    (home, _), *_ = Counter(place.parent for place in places.values()).most_common(1)
    return [name for name, place in places.items() if place.parent != home]


def shadowing_message(name: str, place: Path) -> str:
    """What to tell the user about a package that hides one of Forerun's."""
    return (
        f"'{place}' hides Forerun's own package '{name}', because its folder comes first on sys.path. "
        f"Rename it, or put it inside a package of yours. Forerun's top-level packages are {', '.join(NAMES)}."
    )


def explain_missing(error: ModuleNotFoundError) -> None:
    """Name the package that hides one of ours, if that is why a module was not found.

    Raises:
        ImportError: in that case.
    """
    name = (error.name or "").partition(".")[0]
    module = sys.modules.get(name)
    if name in NAMES and module is not None:
        file = module.__file__ or next(iter(module.__path__), "")
        raise ImportError(shadowing_message(name, Path(file))) from error


def _place_of(name: str) -> Path | None:
    """The folder of a package, or the file of a module, that ``import name`` finds; None where nothing is found."""
    module = sys.modules.get(name)
    spec = module.__spec__ if module is not None else PathFinder.find_spec(name)
    if spec is None:
        return None
    locations: Iterable[str] = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
    return next((Path(location).resolve() for location in locations), None)
