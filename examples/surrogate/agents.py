"""The agents: a surrogate that is trained on a few molecules, and what decides how far to look.

The surrogate is a Bayesian linear regression (Bishop, Pattern Recognition and Machine Learning, 2006, 3.3) on six
counts per molecule. It is quick and knows how unsure it is.
"""

from typing import Any

from typing_extensions import TypedDict

from examples.molecules.values import Gap, Molecule

_PRIOR_PRECISION = 0.01
_NOISE_EV = 0.3


class Surrogate(TypedDict):
    """Weights of the counts, and the inverse of their precision."""

    weights: list[float]
    covariance: list[list[float]]
    mean_ev: float


class GapEstimate(TypedDict):
    """A gap, its standard deviation, and the method."""

    gap_ev: float
    deviation_ev: float
    method: str


class Screened(TypedDict):
    """A molecule with its gap and the method that it took."""

    name: str
    gap_ev: float
    method: str


class Screening(TypedDict):
    """The hits so far, what is left, and whether that will do."""

    hits: list[Screened]
    batch: list[Molecule]
    rest: list[Molecule]
    enough: bool


def train(molecules: list[Molecule], gaps: list[Gap]) -> Surrogate:
    """Fit the surrogate to known gaps."""
    import numpy as np  # noqa: PLC0415

    features = np.array([_counts(molecule["smiles"]) for molecule in molecules])
    values = np.array([gap["gap_ev"] for gap in gaps])
    mean = float(values.mean())
    precision = _PRIOR_PRECISION * np.eye(features.shape[1]) + features.T @ features / _NOISE_EV**2
    covariance = np.linalg.inv(precision)
    weights = covariance @ features.T @ (values - mean) / _NOISE_EV**2
    return Surrogate(weights=weights.tolist(), covariance=covariance.tolist(), mean_ev=mean)


def estimate(smiles: str, surrogate: Surrogate) -> GapEstimate:
    """The gap of a molecule by the surrogate, in microseconds."""
    import numpy as np  # noqa: PLC0415

    counts = np.array(_counts(smiles))
    variance = _NOISE_EV**2 + float(counts @ np.array(surrogate["covariance"]) @ counts)
    gap = surrogate["mean_ev"] + float(counts @ np.array(surrogate["weights"]))
    return GapEstimate(gap_ev=gap, deviation_ev=variance**0.5, method="surrogate")


def keep(value: dict[str, Any]) -> dict[str, Any]:
    """The value as it is: for a branch that needs no further work."""
    return value


def first_batch(molecules: list[Molecule], size: int) -> Screening:
    """Nothing is screened yet."""
    return Screening(hits=[], batch=molecules[:size], rest=molecules[size:], enough=not molecules)


def collect(progress: Screening, gaps: list[dict[str, Any]], below_ev: float, wanted: int) -> Screening:
    """Add a batch to the hits, and take the next one."""
    screened = [
        Screened(name=molecule["name"], gap_ev=gap["gap_ev"], method=gap["method"])
        for molecule, gap in zip(progress["batch"], gaps, strict=True)
    ]
    hits = [*progress["hits"], *(each for each in screened if each["gap_ev"] < below_ev)]
    if len(hits) >= wanted:
        return Screening(hits=hits, batch=[], rest=progress["rest"], enough=True)
    size = len(progress["batch"])
    batch, rest = progress["rest"][:size], progress["rest"][size:]
    return Screening(hits=hits, batch=batch, rest=rest, enough=not batch)


def _counts(smiles: str) -> list[float]:
    from rdkit import Chem  # noqa: PLC0415

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"RDKit cannot read the SMILES '{smiles}'")
    atoms, bonds = list(molecule.GetAtoms()), list(molecule.GetBonds())
    return [
        1.0,
        float(len(atoms)),
        float(sum(atom.GetSymbol() == "O" for atom in atoms)),
        float(sum(atom.GetSymbol() == "N" for atom in atoms)),
        float(sum(bond.GetBondTypeAsDouble() > 1 for bond in bonds)),
        float(sum(bond.GetIsConjugated() for bond in bonds)),
    ]
