"""Tools that LLM agents of tests may call."""


def doubled(number: int) -> int:
    """Twice a number."""
    return 2 * number
