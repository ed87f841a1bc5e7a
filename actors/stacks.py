"""Reads the stacks that `faulthandler` and Python programs write to stderr."""

import re
from collections.abc import Iterable

from actors.raised import Owner, owner_of_file
from reconciler.state.evidence import Frame

_LINE = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+),? in (?P<function>.+?)\s*$')
_NEWEST_FIRST = "most recent call first"


def frame_in(text: str) -> Frame | None:
    """The innermost line of the user's own code in the last stack of a text; None if there is no stack in it.

    ``faulthandler`` begins with the newest call, a traceback ends with it.
    """
    lines = text.splitlines()
    heads = [index for index, line in enumerate(lines) if "most recent call" in line]
    for head in reversed(heads):
        frames = _frames(lines[head + 1 :])
        own = [frame for frame in frames if owner_of_file(frame.file) is Owner.USER]
        if own:
            return own[0] if _NEWEST_FIRST in lines[head] else own[-1]
    return None


def stack_of(text: str, file: str) -> str:
    """Of the stacks in what ``faulthandler`` has written, the one of the thread that runs code of this file."""
    blocks = re.split(r"\n(?=(?:Current thread|Thread) 0x)", text)
    return _trimmed(next((block for block in reversed(blocks) if file in block), text))


def _trimmed(stack: str) -> str:
    """The stack without the code that called the agent, which comes last, and without the list of extension modules."""
    lines = stack.partition("\nExtension modules:")[0].strip().splitlines()
    while lines and (frames := _frames(lines[-1:])) and owner_of_file(frames[0].file) is Owner.HOST:
        lines.pop()
    return "\n".join(lines)


def _frames(lines: Iterable[str]) -> list[Frame]:
    frames = []
    for line in lines:
        if (match := _LINE.match(line)) is not None:
            frames.append(Frame(file=match["file"], line=int(match["line"]), function=match["function"]))
        elif "most recent call" in line:
            break
    return frames
