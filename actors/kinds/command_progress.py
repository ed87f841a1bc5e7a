"""What a command prints while it runs, if its output is a file: each line is a line of progress."""

import re
from codecs import getincrementaldecoder
from collections.abc import Callable
from io import BufferedReader
from typing import IO

_CHUNK_BYTES = 1 << 16
_MOST_CHARS = 4_000
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?) ?%")


def tell_lines(stream: IO[bytes], tell: Callable[[str, float | None], None]) -> None:
    """Read a stream to its end and tell each line. A carriage return ends one, too: progress bars draw with it."""
    assert isinstance(stream, BufferedReader)
    decoder, rest = getincrementaldecoder("utf-8")(errors="replace"), ""
    while chunk := stream.read1(_CHUNK_BYTES):
        *lines, rest = re.split(r"[\r\n]+", rest + decoder.decode(chunk))
        rest = rest[-_MOST_CHARS:]
        for line in filter(str.strip, lines):
            tell(line.strip(), share_in(line))
    if rest.strip():
        tell(rest.strip(), share_in(rest))


def share_in(line: str) -> float | None:
    """The last percentage in a line as a share, such as 0.4 for ``40 %``; None if there is none up to 100."""
    found = [float(number) for number in _PERCENT.findall(line)]
    return found[-1] / 100 if found and found[-1] <= 100 else None
