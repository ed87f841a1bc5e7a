"""Reading a JSON answer while it is still being written."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

_DECODER = json.JSONDecoder()
_BLANK = " \t\r\n"


class MalformedAnswer(ValueError):
    """The text is no JSON object with a list of steps; the message says where it goes wrong."""


class StreamedItems:
    """The complete elements of one list in a JSON object, each as soon as its last character is there.

    The object may come wrapped (a Markdown fence, a sentence before it): reading starts at the list's own key. What
    follows the list is not looked at. Text is held from the element being written on, so the cost is linear in the
    number of characters for elements of bounded size.
    """

    def __init__(self, key: str) -> None:
        self._key = json.dumps(key)
        self._text = ""
        self._opened = False
        self.closed = False

    def feed(self, chunk: str) -> Iterator[Any]:
        """Take the next piece of text; yields the elements it completes.

        Raises:
            MalformedAnswer: no continuation of the text can be right.
        """
        self._text += chunk
        if not self._opened:
            self._open()
        # An element is complete only once a bracket, brace or comma is there: no need to try on every token.
        if self._opened and not self.closed and any(mark in chunk for mark in "}],["):
            yield from self._complete()

    def finish(self) -> None:
        """The text has ended.

        Raises:
            MalformedAnswer: the list is not there or not closed.
        """
        if not self._opened:
            raise MalformedAnswer(f"the answer holds no list under the key {self._key}")
        if not self.closed:
            raise MalformedAnswer("the answer ends in the middle of the list")

    def _open(self) -> None:
        at = self._text.find(self._key)
        if at < 0:
            return
        rest = self._text[at + len(self._key) :].lstrip(_BLANK)
        if rest[:1] not in ("", ":"):
            raise MalformedAnswer(f"a colon must follow {self._key}")
        rest = rest[1:].lstrip(_BLANK)
        if rest[:1] not in ("", "["):
            raise MalformedAnswer(f"{self._key} must be a list")
        if rest:
            self._opened, self._text = True, rest[1:]

    def _complete(self) -> Iterator[Any]:
        while True:
            self._text = self._text.lstrip(_BLANK).removeprefix(",").lstrip(_BLANK)
            if self._text.startswith("]"):
                self.closed = True
                return
            if not self._text:
                return
            try:
                item, end = _DECODER.raw_decode(self._text)
            except json.JSONDecodeError as error:
                self._judge(error)
                return
            self._text = self._text[end:]
            yield item

    def _judge(self, error: json.JSONDecodeError) -> None:
        """An element that is only unfinished parses in partial mode; one that does not is wrong whatever follows."""
        try:
            from_json(self._text, allow_partial="trailing-strings")
        except ValueError:
            near = self._text[max(0, error.pos - 20) : error.pos + 20]
            raise MalformedAnswer(f"{error.msg} near {near!r}") from None
