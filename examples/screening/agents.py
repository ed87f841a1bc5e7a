"""Small tools beside the chemistry of `examples.molecules`: units, similarity, a table. Each is pure."""

from examples.molecules.values import Gap

# h times c by CODATA 2018: the wavelength in nanometres of a photon of one electronvolt.
_EV_NM = 1239.841984
_RADIUS, _BITS = 2, 2048


def wavelengths(gaps: list[Gap]) -> list[float]:
    """The wavelength in nanometres of a photon that bridges each gap."""
    return [_EV_NM / gap["gap_ev"] for gap in gaps]


def similarities(smiles: list[str], reference: str) -> list[float]:
    """The Tanimoto similarity (0..1) of each molecule to a reference: Morgan fingerprints of radius 2, 2048 bits.

    Raises:
        ValueError: RDKit cannot read a SMILES.
    """
    from rdkit import Chem, DataStructs  # noqa: PLC0415 - reading a catalog is fast
    from rdkit.Chem import rdFingerprintGenerator  # noqa: PLC0415

    made = rdFingerprintGenerator.GetMorganGenerator(radius=_RADIUS, fpSize=_BITS)
    prints = []
    for text in (reference, *smiles):
        molecule = Chem.MolFromSmiles(text)
        if molecule is None:
            raise ValueError(f"RDKit cannot read the SMILES '{text}'")
        prints.append(made.GetFingerprint(molecule))
    return [float(DataStructs.TanimotoSimilarity(prints[0], other)) for other in prints[1:]]


def absorption_table(names: list[str], gaps: list[Gap], wavelengths_nm: list[float], similarities: list[float]) -> str:
    """Molecules by estimated wavelength, longest first, as a Markdown table with a sentence above it."""
    rows = sorted(zip(wavelengths_nm, names, gaps, similarities, strict=True), key=lambda row: (-row[0], row[1]))
    longest_nm, first = rows[0][0], rows[0][1]
    head = "| molecule | wavelength / nm | gap / eV | similarity | method |\n|---|--:|--:|--:|---|"
    lines = [
        f"| {name} | {nm:.0f} | {gap['gap_ev']:.3f} | {alike:.2f} | {gap['method']} |" for nm, name, gap, alike in rows
    ]
    return "\n".join([f"{first} should absorb at the longest wavelength, near {longest_nm:.0f} nm.", "", head, *lines])
