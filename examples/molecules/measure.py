"""Measure the durations and qualities of the catalog: ``python -m examples.molecules.measure [FILE]``.

Times every agent on every molecule, compares the ranking by each agent of capability ``gap`` with that of the best one
(Spearman correlation), and computes how far above the lowest energy each agent of capability ``geometry`` ends.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

from scipy.stats import spearmanr

from examples.molecules import agents
from examples.molecules.smiles import DEFAULT, read_molecules
from examples.molecules.values import Gap

GAPS = {
    "gap-gfn2": agents.gap_gfn2,
    "gap-hf": agents.gap_hf,
    "gap-b3lyp": agents.gap_b3lyp,
    "gap-b3lyp-fine": agents.gap_b3lyp_fine,
}
_BEST = "gap-b3lyp-fine"
_KCAL_PER_MOL = 627.5094740631


def main(argv: list[str]) -> int:
    """Measure and print the figures."""
    path = Path(argv[0]) if argv else DEFAULT
    seconds: dict[str, list[float]] = defaultdict(list)
    gaps: dict[str, list[float]] = defaultdict(list)
    above: list[float] = []
    for molecule in read_molecules(path):
        start = _timed(seconds["etkdg"], agents.etkdg, molecule["smiles"])
        rough = _timed(seconds["mmff94"], agents.mmff94, molecule["smiles"], start)
        fine = _timed(seconds["gfn2"], agents.gfn2, molecule["smiles"], start)
        results: dict[str, Gap] = {name: _timed(seconds[name], agent, fine) for name, agent in GAPS.items()}
        for name, result in results.items():
            gaps[name].append(result["gap_ev"])
        energy_rough = agents.gap_b3lyp(rough)["energy_hartree"]
        above.append((energy_rough - results["gap-b3lyp"]["energy_hartree"]) * _KCAL_PER_MOL)
    for name, values in seconds.items():
        order = f", order {spearmanr(gaps[name], gaps[_BEST]).statistic:.3f}" if name in gaps else ""
        print(f"{name}: mean {mean(values):.3f} s, median {median(values):.3f} s, max {max(values):.3f} s{order}")
    print(f"mmff94 above gfn2, B3LYP energy: median {median(above):.2f}, max {max(above):.2f} kcal/mol")
    return 0


def _timed(into: list[float], function: Callable[..., Any], *arguments: Any) -> Any:
    began = time.process_time()
    value = function(*arguments)
    into.append(time.process_time() - began)
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
