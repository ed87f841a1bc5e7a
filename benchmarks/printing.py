"""Agents that print, for the benchmark of log capture."""

from forerun import agent


@agent("async", expected_s=0.001)
async def prints_async(lines: int) -> int:
    """Print some lines."""
    return _print(lines)


@agent("sync", expected_s=0.001)
def prints_sync(lines: int) -> int:
    """Print some lines, in a process of its own."""
    return _print(lines)


def _print(lines: int) -> int:
    for number in range(lines):
        print(f"line {number} of an agent that says what it does, as agents do")
    return lines
