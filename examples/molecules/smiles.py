"""Read the user's molecules: SMILES and names, one a line. Errors name the line and the fix."""

from pathlib import Path

from examples.molecules.values import Molecule
from forerun import InvalidTask

DEFAULT = Path(__file__).with_name("molecules.smi")
# These agents use def2-SVP without effective core potentials, which ends at krypton.
_HEAVIEST = 36


def read_molecules(path: Path) -> list[Molecule]:
    """Molecules of a file, one a line: SMILES, white space, name (default: the SMILES).

    Raises:
        InvalidTask: a line is no closed-shell molecule of light atoms (``field`` is ``FILE:LINE``), or there is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidTask(f"cannot be read ({error})", str(path), "give a text file of SMILES and names") from error
    molecules: dict[str, Molecule] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        smiles, _, name = text.partition(" ") if "\t" not in text else text.partition("\t")
        molecule = _checked(smiles, name.strip() or smiles, field=f"{path.name}:{number}")
        if molecule["name"] in molecules:
            raise InvalidTask(
                f"the name '{molecule['name']}' occurs twice", f"{path.name}:{number}", "give each line its own name"
            )
        molecules[molecule["name"]] = molecule
    if not molecules:
        raise InvalidTask("contains no molecules", path.name, "write one a line: SMILES, a space, the name")
    return list(molecules.values())


def _checked(smiles: str, name: str, field: str) -> Molecule:
    from rdkit import Chem, rdBase  # noqa: PLC0415 - only the molecules example needs the extra chem

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, sanitize=False)
        if molecule is None or molecule.GetNumAtoms() == 0:
            raise InvalidTask(
                f"'{smiles}' is not a SMILES string", field, "write it in RDKit's syntax, such as CCO for ethanol"
            )
        if problems := Chem.DetectChemistryProblems(molecule):
            raise InvalidTask(
                f"'{smiles}' is not a molecule: {problems[0].Message()}", field, "correct the valence or ring"
            )
        Chem.SanitizeMol(molecule)
    if "." in smiles:
        raise InvalidTask(f"'{smiles}' contains several molecules", field, "put each on its own line")
    heavy = sorted({atom.GetSymbol() for atom in molecule.GetAtoms() if not 0 < atom.GetAtomicNum() <= _HEAVIEST})
    if heavy:
        raise InvalidTask(
            f"'{smiles}' contains {', '.join(heavy)}", field, "use only the elements hydrogen to krypton (def2-SVP)"
        )
    if any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms()):
        raise InvalidTask(
            f"'{smiles}' has unpaired electrons",
            field,
            "the gap is defined for closed shells; add the missing hydrogens",
        )
    return Molecule(smiles=smiles, name=name)
