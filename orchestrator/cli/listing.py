"""Lists that stay readable in a narrow terminal, such as one of 80 columns."""

from collections.abc import Collection, Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.text import Text

from orchestrator.cli.output import table

# Texts of any length are wrapped in a column of at least so many characters.
_LEAST_TEXT = 24
_GAP = 2


class Listing:
    """A table if it fits the terminal; else one entry below the other, each value with the name of its column.

    Args:
        columns: the first one names the entry.
        rows: may contain markup.
        texts: the columns whose values are of any length. No others are wrapped or cut.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[str]], texts: Collection[str] = ()) -> None:
        self._columns = columns
        self._rows = rows
        self._texts = texts

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._rows and self._needed_width() > options.max_width:
            for row in self._rows:
                yield from self._entry(row)
            return
        made = table(self._columns, self._rows)
        for column in made.columns:
            column.no_wrap = column.header not in self._texts
        yield made

    def _needed_width(self) -> int:
        needed = _GAP * (len(self._columns) - 1)
        for column, *cells in zip(self._columns, *self._rows, strict=True):
            widest = max(len(column), *(Text.from_markup(cell).cell_len for cell in cells))
            needed += min(widest, _LEAST_TEXT) if column in self._texts else widest
        return needed

    def _entry(self, row: Sequence[str]) -> Iterator[RenderableType]:
        named = [(column, cell) for column, cell in zip(self._columns[1:], row[1:], strict=True) if cell]
        values = ", ".join(_with_name(column, cell) for column, cell in named if column not in self._texts)
        texts = [f"{column}: {cell}" for column, cell in named if column in self._texts]
        yield Text.from_markup(f"[bold]{row[0]}[/]", overflow="fold")
        for line in filter(None, (values, *texts)):
            yield Padding(Text.from_markup(line), (0, 0, 0, _GAP))


def _with_name(column: str, cell: str) -> str:
    """A value with its name, and the unit of the column behind it: ``ended 1.5 s``."""
    name, _, unit = column.rpartition(" ")
    if unit == "$":  # the cell shows it
        return f"{name} {cell}"
    return f"{name} {cell} s" if name and unit == "s" else f"{column} {cell}"
