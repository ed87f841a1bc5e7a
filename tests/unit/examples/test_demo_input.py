"""What the demo says before anything is started."""

import pytest

pytest.importorskip("rdkit")
from examples.molecules.demo import main

pytestmark = pytest.mark.chem


def test_bad_input_ends_the_demo_with_line_and_fix_before_anything_starts(tmp_path, capsys):
    mine = tmp_path / "mine.smi"
    mine.write_text("CO methanol\nnonsense here\n", encoding="utf-8")

    code = main(["--input", str(mine), "--report", str(tmp_path / "report.html")])

    said = capsys.readouterr().out
    assert code == 2
    assert "mine.smi:2" in said
    assert "fix:" in said
    assert not (tmp_path / "report.html").exists()


def test_help_ends_well(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    assert ended.value.code == 0
    assert "--input" in capsys.readouterr().out
