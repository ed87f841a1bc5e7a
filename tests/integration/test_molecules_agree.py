"""What the agents give is what RDKit, tblite and PySCF give when called directly on the same geometry."""

import pytest

pytest.importorskip("pyscf")
pytest.importorskip("tblite")
pytest.importorskip("rdkit")

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from pyscf import dft, gto, scf
from rdkit import Chem
from rdkit.Chem import AllChem
from tblite.ase import TBLite
from tblite.interface import Calculator

from examples.molecules import agents
from examples.molecules.agents import HARTREE_EV
from examples.molecules.threads import one_thread

pytestmark = pytest.mark.chem
SMILES = "C=O"
HARTREE = 1e-8


@pytest.fixture(scope="module")
def conformer():
    return agents.etkdg(SMILES)


@pytest.fixture(scope="module")
def geometry(conformer):
    return agents.gfn2(SMILES, conformer)


@pytest.fixture(scope="module")
def molecule(geometry):
    return gto.M(atom=list(zip(geometry["symbols"], geometry["positions_angstrom"], strict=True)), basis="def2-svp")


def frontier(energies, occupations):
    energies, occupied = np.asarray(energies), np.asarray(occupations) > 1
    return energies[occupied].max(), energies[~occupied].min()


def assert_agrees(gap, energy, homo, lumo):
    assert gap["energy_hartree"] == pytest.approx(energy, abs=HARTREE)
    assert gap["homo_hartree"] == pytest.approx(homo, abs=HARTREE)
    assert gap["lumo_hartree"] == pytest.approx(lumo, abs=HARTREE)
    assert gap["gap_ev"] == pytest.approx((lumo - homo) * HARTREE_EV, abs=HARTREE * HARTREE_EV)


def test_the_conformer_is_rdkits(conformer):
    direct = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    embedding = AllChem.ETKDGv3()
    embedding.randomSeed = 20_260_101
    AllChem.EmbedMolecule(direct, embedding)

    assert conformer["symbols"] == [atom.GetSymbol() for atom in direct.GetAtoms()]
    assert conformer["positions_angstrom"] == pytest.approx(direct.GetConformer().GetPositions(), abs=1e-6)


def test_the_force_field_ends_where_rdkits_energy_is_lowest(conformer):
    relaxed = agents.mmff94(SMILES, conformer)
    direct = Chem.AddHs(Chem.MolFromSmiles(SMILES))
    AllChem.EmbedMolecule(direct, randomSeed=1)
    AllChem.MMFFOptimizeMolecule(direct, maxIters=10_000)
    lowest = energy_of(direct, direct.GetConformer().GetPositions())

    assert energy_of(direct, relaxed["positions_angstrom"]) == pytest.approx(lowest, abs=1e-4)


def energy_of(molecule, positions) -> float:
    """Kilocalories per mole by MMFF94."""
    for index, position in enumerate(np.asarray(positions)):
        molecule.GetConformer().SetAtomPosition(index, position)
    properties = AllChem.MMFFGetMoleculeProperties(molecule)
    return AllChem.MMFFGetMoleculeForceField(molecule, properties).CalcEnergy()


def test_gfn2_relaxes_to_where_tblite_says_the_forces_are_small(geometry):
    atoms = Atoms(
        geometry["symbols"], geometry["positions_angstrom"], calculator=TBLite(method="GFN2-xTB", verbosity=0)
    )

    assert np.linalg.norm(atoms.get_forces(), axis=1).max() < 0.0201


def test_the_gfn2_gap_is_tblites(geometry):
    atoms = Atoms(
        geometry["symbols"], geometry["positions_angstrom"], calculator=TBLite(method="GFN2-xTB", verbosity=0)
    )
    direct = Calculator("GFN2-xTB", atoms.numbers, atoms.positions / Bohr)
    direct.set("verbosity", 0)
    result = direct.singlepoint()

    gap = agents.gap_gfn2(geometry)

    assert gap["energy_hartree"] == pytest.approx(atoms.get_potential_energy() / Hartree, abs=HARTREE)
    assert_agrees(
        gap, result.get("energy"), *frontier(result.get("orbital-energies"), result.get("orbital-occupations"))
    )


def test_the_hartree_fock_gap_is_pyscfs(geometry, molecule):
    direct = scf.RHF(molecule).run(conv_tol=1e-10, verbose=0)

    assert_agrees(agents.gap_hf(geometry), direct.e_tot, *frontier(direct.mo_energy, direct.mo_occ))


@pytest.mark.parametrize(("agent", "level"), [(agents.gap_b3lyp, 1), (agents.gap_b3lyp_fine, 3)])
def test_the_b3lyp_gap_is_pyscfs(geometry, molecule, agent, level):
    with one_thread():
        direct = dft.RKS(molecule, xc="b3lyp").density_fit()
        direct.grids.level = level
        direct.run(conv_tol=1e-10, verbose=0)

    assert_agrees(agent(geometry), direct.e_tot, *frontier(direct.mo_energy, direct.mo_occ))


def test_a_result_repeats_to_the_last_digit(geometry, conformer):
    assert agents.etkdg(SMILES) == conformer
    assert agents.gfn2(SMILES, conformer) == geometry
    assert agents.gap_b3lyp(geometry) == agents.gap_b3lyp(geometry)
