"""Reading the user's molecules."""

from pathlib import Path

import pytest

from planners.errors import InvalidTask

pytest.importorskip("rdkit")
from examples.molecules.smiles import DEFAULT, read_molecules

pytestmark = pytest.mark.chem


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.smi"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_file_holds_at_least_sixteen_different_molecules():
    molecules = read_molecules(DEFAULT)

    assert len({molecule["smiles"] for molecule in molecules}) == len(molecules) >= 16


def test_a_name_may_have_spaces_or_be_left_out_and_comments_are_skipped(tmp_path):
    path = written(tmp_path, "# mine\n\nOC=O formic acid\nCC#N\nCO\tmethanol (dry)\n")

    assert read_molecules(path) == [
        {"smiles": "OC=O", "name": "formic acid"},
        {"smiles": "CC#N", "name": "CC#N"},
        {"smiles": "CO", "name": "methanol (dry)"},
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hello world", "not a SMILES"),
        ("C1CC broken", "not a SMILES"),
        ("C(C)(C)(C)(C)C pentavalent", "valence"),
        ("c1cccc1 ring", "kekulize"),
        ("[Na+].[Cl-] salt", "several molecules"),
        ("[Pt] platinum", "contains Pt"),
        ("C[*] wildcard", r"contains \*"),
        ("[CH3] methyl", "unpaired electrons"),
        ("CCO methanol", "occurs twice"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_the_fix(tmp_path, line, says):
    path = written(tmp_path, f"# comment\nCO methanol\n{line}\n")

    with pytest.raises(InvalidTask, match=f"(?i){says}") as caught:
        read_molecules(path)

    assert caught.value.field == "mine.smi:3"
    assert caught.value.fix


def test_a_file_without_molecules_is_refused(tmp_path):
    with pytest.raises(InvalidTask, match="no molecules"):
        read_molecules(written(tmp_path, "# nothing\n"))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidTask, match="cannot be read"):
        read_molecules(tmp_path / "none.smi")
