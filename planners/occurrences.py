"""The numbers of like steps. Those of finished turns of loops stay taken, so that no later step gets one of them.

A plan numbers like steps in its order. The turns that it leaves out may have numbers before, between and behind those
of its steps, and mostly have neighbouring ones: they are kept as ranges.
"""

# Ascending [start, end) that neither overlap nor touch.
Ranges = tuple[tuple[int, int], ...]


def nth_free(count: int, taken: Ranges) -> int:
    """The number that has so many free numbers before it."""
    number = count
    for start, end in taken:
        if number < start:
            break
        number += end - start
    return number


def with_number(taken: Ranges, number: int) -> Ranges:
    """The ranges with one more number."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((*taken, (number, number + 1))):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
