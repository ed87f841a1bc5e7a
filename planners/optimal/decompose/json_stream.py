"""Reads the objects of a list in a JSON answer while the answer still streams."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_BLANK = " \t\r\n"
# Where an object may end: its brackets, the quotes of its strings, and what is escaped in them.
_MARK = re.compile(r'[{}\[\]"\\]')
# Bounds on what an answer may hold: one object, the text before the list, and the nesting of an object.
_MAX_CHARS, _MAX_DEPTH = 65_536, 64


class MalformedAnswer(ValueError):
    """The text is not a JSON object with a list of objects; the message says where it goes wrong."""


class StreamedObjects:
    """The objects of one list in a JSON object, each as soon as its last character arrives.

    The answer may be wrapped (in a Markdown fence, after a sentence): reading starts at the key of the list, and what
    follows the list is ignored. Each character is looked at once. An object of more than 65,536 characters, or nested
    more than 64 levels deep, is malformed.
    """

    def __init__(self, key: str) -> None:
        self._key = json.dumps(key)
        self._text = ""
        self._opened = False
        self._at = 0
        self._depth = 0
        self._in_string = False
        self.closed = False

    def feed(self, chunk: str) -> Iterator[Any]:
        """Take the next piece of text; yields the objects that it completes.

        Raises:
            MalformedAnswer: no continuation of the text can be valid.
        """
        self._text += chunk
        if not self._opened:
            self._open()
        while self._opened and not self.closed and (text := self._next_object()) is not None:
            yield _parsed(text)
        if not self.closed and len(self._text) > _MAX_CHARS:
            what = "one element of the list" if self._opened else "the text before the list"
            raise MalformedAnswer(f"{what} has more than {_MAX_CHARS} characters")

    def finish(self) -> None:
        """The text has ended.

        Raises:
            MalformedAnswer: the list is missing or not closed.
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

    def _next_object(self) -> str | None:
        """The text of the next object, if it is complete."""
        if self._depth == 0 and not self._begin():
            return None
        while (mark := _MARK.search(self._text, self._at)) is not None:
            if mark[0] == "\\":
                if mark.end() == len(self._text):
                    return None
                self._at = mark.end() + 1
                continue
            self._at = mark.end()
            if mark[0] == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark[0] in "{[" else -1
            if self._depth > _MAX_DEPTH:
                raise MalformedAnswer(f"an element of the list is nested more than {_MAX_DEPTH} levels deep")
            if self._depth == 0:
                text, self._text, self._at = self._text[: self._at], self._text[self._at :], 0
                return text
        self._at = len(self._text)
        return None

    def _begin(self) -> bool:
        """Skip to the next object; False if it or the end of the list has not arrived."""
        self._text = self._text.lstrip(_BLANK).removeprefix(",").lstrip(_BLANK)
        self._at = 0
        if not self._text:
            return False
        if self._text[0] == "]":
            self.closed = True
            return False
        if self._text[0] != "{":
            raise MalformedAnswer(f"each element of {self._key} is an object, and one begins {self._text[:20]!r}")
        return True


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        raise MalformedAnswer(f"{error.msg} near {near!r}") from None
    # Python refuses integers of more than 4,300 digits.
    except ValueError as error:
        raise MalformedAnswer(str(error)) from None


def _no_number(name: str) -> NoReturn:
    raise MalformedAnswer(f"{name} is not a JSON number")
