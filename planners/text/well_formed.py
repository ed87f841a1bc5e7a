"""Well-formed text: without lone surrogates, which neither JSON nor a database can hold."""

from typing import Any


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined and each lone surrogate replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def well_formed_json(value: Any) -> Any:
    """A JSON value with every string and key in it `well_formed`."""
    match value:
        case str():
            return well_formed(value)
        case list():
            return [well_formed_json(part) for part in value]
        case dict():
            return {well_formed(key): well_formed_json(part) for key, part in value.items()}
        case _:
            return value
