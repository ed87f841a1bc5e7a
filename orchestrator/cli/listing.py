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
        texts: the columns whose values may be long. No others are wrapped or cut.
        unnamed: the columns whose values say what they are.
        title: above all.
    """

    def __init__(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        texts: Collection[str] = (),
        *,
        unnamed: Collection[str] = (),
        title: str | None = None,
    ) -> None:
        self._columns = columns
        self._rows = rows
        self._texts = texts
        self._unnamed = unnamed
        self._title = title

    def fits(self, width: int) -> bool:
        """Whether it is a table, one line a row unless a text is long, in a terminal of so many columns."""
        needed = _GAP * (len(self._columns) - 1)
        for index, column in enumerate(self._columns):
            widest = max(len(column), *(_width(row[index]) for row in self._rows), 0)
            needed += min(widest, _LEAST_TEXT) if column in self._texts else widest
        return needed <= width

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._rows and not self.fits(options.max_width):
            if self._title is not None:
                yield Text(self._title, style="table.title")
            for row in self._rows:
                yield from self._entry(row)
            return
        made = table(self._columns, self._rows, self._title)
        for column in made.columns:
            column.no_wrap = column.header not in self._texts
        yield made

    def _entry(self, row: Sequence[str]) -> Iterator[RenderableType]:
        named = [(column, cell) for column, cell in zip(self._columns[1:], row[1:], strict=True) if cell]
        values = ", ".join(self._told(column, cell) for column, cell in named if not self._is_long(column, cell))
        texts = [f"{column}: {cell}" for column, cell in named if self._is_long(column, cell)]
        yield Text.from_markup(f"[bold]{row[0]}[/]", overflow="fold")
        for line in filter(None, (values, *texts)):
            yield Padding(Text.from_markup(line), (0, 0, 0, _GAP))

    def _is_long(self, column: str, cell: str) -> bool:
        return column in self._texts and _width(cell) > _LEAST_TEXT

    def _told(self, column: str, cell: str) -> str:
        """A value with its name, and the unit of the column behind it: ``ended 1.5 s``."""
        if column in self._unnamed:
            return cell
        name, _, unit = column.rpartition(" ")
        if unit == "$":  # the cell shows it
            return f"{name} {cell}"
        return f"{name} {cell} s" if name and unit == "s" else f"{column} {cell}"


def _width(cell: str) -> int:
    return Text.from_markup(cell).cell_len
