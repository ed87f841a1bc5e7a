"""Text that JSON and a database can hold."""

from typing import Annotated

from pydantic import AfterValidator


def storable(text: str) -> str:
    """The text with its lone surrogates escaped: neither JSON nor a database can hold them."""
    return text.encode("utf-8", "backslashreplace").decode()


StorableText = Annotated[str, AfterValidator(storable)]
