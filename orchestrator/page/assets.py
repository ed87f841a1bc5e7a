"""The files of the web page, read once from the package, with what HTTP needs to serve them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

# Scripts and styles come from this service alone and never from the document, so text that an agent returns cannot run.
_RULES = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
CONTENT_SECURITY_POLICY = "; ".join(_RULES)
_VERSION = b"{version}"
_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. ``etag`` changes with its content."""

    body: bytes
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class PageFiles:
    """All files by their path below ``static``, such as ``js/main.js``. ``version`` changes with any of them.

    Documents refer to ``page/VERSION/...``, and modules to each other, so a browser may keep the files of a version for
    good and never mixes two versions.
    """

    version: str
    by_name: dict[str, Asset]


@cache
def page_files() -> PageFiles:
    """The files of this installation."""
    found = dict(_read(files(__package__).joinpath("static"), ""))
    version = hashlib.sha256("".join(found[name].etag for name in sorted(found)).encode()).hexdigest()[:16]
    for name, asset in found.items():
        if name.endswith(".html"):
            found[name] = _asset(asset.body.replace(_VERSION, version.encode()), asset.media_type)
    return PageFiles(version, found)


def _read(folder: Traversable, prefix: str) -> Iterator[tuple[str, Asset]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{prefix}{entry.name}/")
        elif (media_type := _MEDIA_TYPES.get(entry.name.rpartition(".")[2])) is not None:
            yield f"{prefix}{entry.name}", _asset(entry.read_bytes(), media_type)


def _asset(body: bytes, media_type: str) -> Asset:
    return Asset(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
