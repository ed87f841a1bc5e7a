"""How the parameters of a benchmark become options of `forerun bench`."""

from collections.abc import Callable, Iterable
from pathlib import Path

from orchestrator.cli.bench import _spread, options_of


def run(
    data: Path | None = None,
    files: Iterable[Path] = (),
    *,
    size: int = 3,
    report: Callable[[str], None] = print,
) -> dict[str, int]:
    return {"size": size}


def test_what_a_command_line_can_give_becomes_an_option_and_nothing_else():
    assert list(options_of(run)) == ["data", "files", "size"]


def test_a_flag_of_files_takes_several_at_once():
    arguments = ["--files", "a.json", "b.json", "--size", "4"]

    assert _spread(arguments, options_of(run)) == ["--files", "a.json", "--files", "b.json", "--size", "4"]
