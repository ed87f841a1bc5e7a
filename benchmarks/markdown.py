"""Format figures and tables as Markdown."""

from collections.abc import Iterable, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; columns after the first are right-aligned if they contain only figures."""
    kept = [list(row) for row in rows]
    figures = [bool(kept) and all(_is_figure(row[at]) for row in kept) for at in range(len(columns))]
    rule = ["---:" if figure and at else "---" for at, figure in enumerate(figures)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [list(columns), rule, *kept])


def number(value: float) -> str:
    """Three significant digits; whole numbers from a thousand on."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def seconds(value: float) -> str:
    """With its unit."""
    return f"{value:.3f} s" if abs(value) < 10 else f"{value:.1f} s"


def milliseconds(value: float) -> str:
    """With its unit."""
    return f"{value:.1f} ms" if abs(value) < 100 else f"{value:.0f} ms"


def share(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:.1f} %"


def times(value: float) -> str:
    """A factor, such as 1.50x."""
    return f"{value:.2f}x" if abs(value) < 10 else f"{value:.0f}x"


def _is_figure(cell: str) -> bool:
    return not cell or cell[0].isdigit() or (cell[0] in "+-" and cell[1:2].isdigit())
