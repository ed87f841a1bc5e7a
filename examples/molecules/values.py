"""The values that agents exchange: JSON with names and units."""

# pydantic derives schemas from TypedDict only in this form before Python 3.12.
from typing_extensions import TypedDict


class Molecule(TypedDict):
    """One line of the input: SMILES and name."""

    smiles: str
    name: str


class Geometry(TypedDict):
    """Atoms in space. ``positions_angstrom`` has one [x, y, z] for each of ``symbols``."""

    symbols: list[str]
    positions_angstrom: list[list[float]]
    charge: int


class Gap(TypedDict):
    """Frontier orbitals of a closed-shell molecule by one method."""

    method: str
    energy_hartree: float
    homo_hartree: float
    lumo_hartree: float
    gap_ev: float


class Ranked(TypedDict):
    """A molecule and its rank; the smallest gap has rank 1."""

    place: int
    name: str
    smiles: str
    method: str
    gap_ev: float
    homo_ev: float
    lumo_ev: float
