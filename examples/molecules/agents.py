"""The agents: RDKit, MMFF94, GFN2-xTB and PySCF as functions of JSON values, one thread each.

Each is pure: the same input gives the same output to the last digit on one machine (fixed seeds, one thread, positions
rounded to `_DECIMALS` decimals). Functions import the chemistry libraries, so that reading a catalog is fast.
"""

from typing import Any

from examples.molecules.threads import one_thread
from examples.molecules.values import Gap, Geometry, Molecule, Ranked

HARTREE_EV = 27.211386245988  # CODATA 2018
# 1e-6 angstrom changes the energy at a minimum by less than 1e-10 hartree, and hides the optimisers' last digits.
_DECIMALS = 6
_SEED = 20_260_101
_MAX_STEPS = 500
_FORCE_EV_PER_ANGSTROM = 0.02
_SCF_TOLERANCE_HARTREE = 1e-10


def etkdg(smiles: str) -> Geometry:
    """A conformer by ETKDGv3 (Riniker and Landrum, J. Chem. Inf. Model. 55, 2562, 2015), fixed seed.

    Raises:
        ValueError: RDKit cannot read the SMILES, or cannot embed the molecule in space.
    """
    from rdkit import Chem  # noqa: PLC0415
    from rdkit.Chem import rdDistGeom  # noqa: PLC0415

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"RDKit cannot read the SMILES '{smiles}'")
    molecule = Chem.AddHs(molecule)
    embedding: Any = rdDistGeom.ETKDGv3()
    embedding.randomSeed = _SEED
    if rdDistGeom.EmbedMolecule(molecule, embedding) != 0:
        embedding.useRandomCoords = True
        if rdDistGeom.EmbedMolecule(molecule, embedding) != 0:
            raise ValueError(f"no conformer found for '{smiles}'")
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    return _geometry(symbols, molecule.GetConformer().GetPositions(), Chem.GetFormalCharge(molecule))


def mmff94(smiles: str, start: Geometry) -> Geometry:
    """The start relaxed by the force field MMFF94 (Halgren, J. Comput. Chem. 17, 490, 1996).

    Raises:
        ValueError: MMFF94 has no parameters for the molecule, or did not converge.
    """
    from rdkit import Chem  # noqa: PLC0415
    from rdkit.Chem import rdForceFieldHelpers  # noqa: PLC0415
    from rdkit.Geometry import Point3D  # noqa: PLC0415

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        raise ValueError(f"MMFF94 has no parameters for '{smiles}'; use the agent gfn2")
    conformer = Chem.Conformer(molecule.GetNumAtoms())
    for index, position in enumerate(start["positions_angstrom"]):
        conformer.SetAtomPosition(index, Point3D(*position))
    molecule.AddConformer(conformer)
    if rdForceFieldHelpers.MMFFOptimizeMolecule(molecule, maxIters=20 * _MAX_STEPS) != 0:
        raise ValueError(f"MMFF94 did not converge for '{smiles}'")
    return _geometry(start["symbols"], molecule.GetConformer().GetPositions(), start["charge"])


def gfn2(smiles: str, start: Geometry) -> Geometry:
    """The start relaxed by GFN2-xTB (Bannwarth, Ehlert and Grimme, J. Chem. Theory Comput. 15, 1652, 2019).

    Raises:
        ValueError: the relaxation did not reach 0.02 eV/angstrom in 500 steps.
    """
    with one_thread():
        from ase import Atoms  # noqa: PLC0415
        from ase.optimize import BFGS  # noqa: PLC0415
        from tblite.ase import TBLite  # noqa: PLC0415

        atoms: Any = Atoms(start["symbols"], start["positions_angstrom"])
        atoms.calc = TBLite(method="GFN2-xTB", charge=float(start["charge"]), verbosity=0)
        optimiser: Any = BFGS(atoms, logfile=None)
        if not optimiser.run(fmax=_FORCE_EV_PER_ANGSTROM, steps=_MAX_STEPS):
            raise ValueError(f"GFN2-xTB did not converge for '{smiles}' in {_MAX_STEPS} steps")
        return _geometry(start["symbols"], atoms.get_positions(), start["charge"])


def gap_gfn2(geometry: Geometry) -> Gap:
    """Frontier orbitals by GFN2-xTB: milliseconds."""
    with one_thread():
        import numpy as np  # noqa: PLC0415
        from ase.data import atomic_numbers  # noqa: PLC0415
        from ase.units import Bohr  # noqa: PLC0415
        from tblite.interface import Calculator  # noqa: PLC0415

        numbers = np.array([atomic_numbers[symbol] for symbol in geometry["symbols"]])
        positions = np.array(geometry["positions_angstrom"]) / Bohr
        calculator = Calculator("GFN2-xTB", numbers, positions, charge=float(geometry["charge"]))
        calculator.set("verbosity", 0)
        result = calculator.singlepoint()
        occupied = result.get("orbital-occupations") > 1
        return _gap("GFN2-xTB", float(result.get("energy")), result.get("orbital-energies"), occupied)


def gap_hf(geometry: Geometry) -> Gap:
    """Frontier orbitals by restricted Hartree-Fock, def2-SVP, exact integrals."""
    from pyscf import scf  # noqa: PLC0415

    return _pyscf("HF/def2-SVP", geometry, scf.RHF)


def gap_b3lyp(geometry: Geometry) -> Gap:
    """Frontier orbitals by density-fitted B3LYP, def2-SVP, on PySCF's grid of level 1: for screening."""
    return _pyscf("B3LYP/def2-SVP", geometry, lambda molecule: _b3lyp(molecule, grid_level=1))


def gap_b3lyp_fine(geometry: Geometry) -> Gap:
    """Frontier orbitals by density-fitted B3LYP, def2-SVP, on PySCF's default grid (level 3): for publication."""
    return _pyscf("B3LYP/def2-SVP, fine grid", geometry, lambda molecule: _b3lyp(molecule, grid_level=3))


def rank(molecules: list[Molecule], gaps: list[Gap]) -> list[Ranked]:
    """Molecules by HOMO-LUMO gap, smallest first; equal gaps in order of their names."""
    pairs = sorted(zip(molecules, gaps, strict=True), key=lambda pair: (pair[1]["gap_ev"], pair[0]["name"]))
    return [
        Ranked(
            place=place,
            name=molecule["name"],
            smiles=molecule["smiles"],
            method=gap["method"],
            gap_ev=gap["gap_ev"],
            homo_ev=gap["homo_hartree"] * HARTREE_EV,
            lumo_ev=gap["lumo_hartree"] * HARTREE_EV,
        )
        for place, (molecule, gap) in enumerate(pairs, start=1)
    ]


def report(ranking: list[Ranked]) -> str:
    """The ranking as a Markdown table."""
    head = "| # | molecule | gap / eV | HOMO / eV | LUMO / eV | method |\n|--:|---|--:|--:|--:|---|"
    rows = [
        f"| {entry['place']} | {entry['name']} | {entry['gap_ev']:.3f} "
        f"| {entry['homo_ev']:.3f} | {entry['lumo_ev']:.3f} | {entry['method']} |"
        for entry in ranking
    ]
    return "\n".join([head, *rows])


def _geometry(symbols: list[str], positions: Any, charge: int) -> Geometry:
    # Adding 0.0 turns -0.0 into 0.0: equal geometries must have equal texts.
    rounded = [[round(float(x), _DECIMALS) + 0.0 for x in position] for position in positions]
    return Geometry(symbols=list(symbols), positions_angstrom=rounded, charge=int(charge))


def _b3lyp(molecule: Any, grid_level: int) -> Any:
    from pyscf import dft  # noqa: PLC0415

    field = dft.RKS(molecule, xc="b3lyp").density_fit()
    field.grids.level = grid_level
    return field


def _pyscf(method: str, geometry: Geometry, mean_field: Any) -> Gap:
    with one_thread():
        from pyscf import gto, lib  # noqa: PLC0415

        lib.num_threads(1)
        atoms = list(zip(geometry["symbols"], geometry["positions_angstrom"], strict=True))
        molecule = gto.M(atom=atoms, basis="def2-svp", charge=geometry["charge"], verbose=0)
        field = mean_field(molecule)
        field.conv_tol = _SCF_TOLERANCE_HARTREE
        field.chkfile = None  # nothing left on disk by a killed attempt
        field.kernel()
        if not field.converged:
            field = field.newton()
            field.kernel()
        if not field.converged:
            raise ValueError(f"the {method} orbitals did not converge")
        return _gap(method, float(field.e_tot), field.mo_energy, field.mo_occ > 0)


def _gap(method: str, energy_hartree: float, orbitals_hartree: Any, occupied: Any) -> Gap:
    homo, lumo = float(max(orbitals_hartree[occupied])), float(min(orbitals_hartree[~occupied]))
    return Gap(
        method=method,
        energy_hartree=energy_hartree,
        homo_hartree=homo,
        lumo_hartree=lumo,
        gap_ev=(lumo - homo) * HARTREE_EV,
    )
