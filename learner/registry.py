"""Versions of the learned models on disk: champion, rollback; a corrupt file costs one version, not the service.

A version is a folder with files (LightGBM text, npz without pickle, JSON) and a manifest of their SHA-256 digests. It
is written beside and renamed into place, so a crash leaves either all of it or nothing.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from learner.errors import CorruptVersion, UnknownVersion
from planners.model import Versioned

_MANIFEST = "manifest.json"
_CHAMPION = "champion"
T = TypeVar("T")


class Manifest(Versioned):
    """What a version is: how many outcomes it has learned from, how well it did on unseen ones, its files' digests."""

    version: int = Field(ge=1)
    outcomes: int = Field(default=0, ge=0)
    figures: dict[str, float] = Field(default_factory=dict)
    files: dict[str, str]


class Loaded(NamedTuple, Generic[T]):
    """What was read, which version it is (None: no sound one is left), and what was found corrupt on the way."""

    version: int | None
    value: T | None
    corrupt: tuple[CorruptVersion, ...]


class Registry:
    """A folder of versions. One writer at a time."""

    def __init__(self, folder: Path, keep: int = 10) -> None:
        self._folder = folder
        self._keep = max(1, keep)
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, files: Mapping[str, bytes], *, outcomes: int = 0, figures: Mapping[str, float] | None = None) -> int:
        """Store a new version and make it the champion; the oldest beyond ``keep`` are dropped.

        Raises:
            OSError: the folder cannot be written.
        """
        version = max(self._numbers(), default=0) + 1
        manifest = Manifest(
            version=version,
            outcomes=outcomes,
            figures=dict(figures or {}),
            files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        )
        beside = self._folder / f".{version}.part"
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        for name, content in {**files, _MANIFEST: manifest.model_dump_json(indent=1).encode()}.items():
            _write(beside / name, content)
        beside.rename(self._path(version))
        self._crown(version)
        for old in self._numbers()[: -self._keep]:
            shutil.rmtree(self._path(old))
        return version

    def versions(self) -> list[Manifest]:
        """Every readable version, oldest first."""
        found = []
        for version in self._numbers():
            try:
                found.append(self._manifest(version))
            except CorruptVersion:
                continue  # `load` reports it; a list shows what can be had
        return found

    @property
    def champion(self) -> int | None:
        """The version in use; the newest where that is not told, None where there is none."""
        numbers = self._numbers()
        try:
            chosen = int(json.loads((self._folder / _CHAMPION).read_text()))
        except (OSError, ValueError, TypeError):
            chosen = -1
        return chosen if chosen in numbers else (numbers[-1] if numbers else None)

    def load(self, decode: Callable[[Mapping[str, bytes]], T]) -> Loaded[T]:
        """The champion, or the newest version before it that is sound, which then takes its place.

        ``decode`` may raise anything on bytes it cannot read: that version is corrupt.
        """
        corrupt: list[CorruptVersion] = []
        champion = self.champion
        for version in reversed([n for n in self._numbers() if champion is not None and n <= champion]):
            try:
                value = self._decoded(version, decode)
            except CorruptVersion as broken:
                corrupt.append(broken)
                continue
            if corrupt:
                self._crown(version)
            return Loaded(version, value, tuple(corrupt))
        return Loaded(None, None, tuple(corrupt))

    def rollback(self, version: int | None = None, decode: Callable[[Mapping[str, bytes]], Any] = dict) -> int:
        """Make an earlier version the champion: the one named, else the one before the champion.

        Raises:
            UnknownVersion: there is no such version.
            CorruptVersion: its files are not what was stored, or ``decode`` cannot read them; nothing has changed.
        """
        if version is None:
            earlier = [number for number in self._numbers() if number < (self.champion or 0)]
            if not earlier:
                raise UnknownVersion("there is no earlier version to go back to", "version", "see learner versions")
            version = earlier[-1]
        if version not in self._numbers():
            raise UnknownVersion(f"there is no version {version}", "version", "see learner versions")
        self._decoded(version, decode)
        self._crown(version)
        return version

    def _decoded(self, version: int, decode: Callable[[Mapping[str, bytes]], T]) -> T:
        manifest = self._manifest(version)
        files = {}
        for name, digest in manifest.files.items():
            try:
                files[name] = (self._path(version) / name).read_bytes()
            except OSError as error:
                raise CorruptVersion(f"version {version}: {name} cannot be read: {error.strerror}") from error
            if hashlib.sha256(files[name]).hexdigest() != digest:
                raise CorruptVersion(f"version {version}: {name} is not what was stored")
        try:
            return decode(files)
        except Exception as error:  # whatever a decoder stumbles on, the version is of no use
            raise CorruptVersion(f"version {version} cannot be read: {type(error).__name__}: {error}") from error

    def _manifest(self, version: int) -> Manifest:
        try:
            manifest = Manifest.model_validate_json((self._path(version) / _MANIFEST).read_bytes())
        except (OSError, ValidationError) as error:
            raise CorruptVersion(f"version {version}: its manifest cannot be read") from error
        if any(Path(name).name != name for name in manifest.files):
            raise CorruptVersion(f"version {version}: its manifest names files outside its folder")
        return manifest

    def _crown(self, version: int) -> None:
        beside = self._folder / f".{_CHAMPION}.part"
        _write(beside, str(version).encode())
        beside.replace(self._folder / _CHAMPION)

    def _numbers(self) -> list[int]:
        return sorted(int(path.name[1:]) for path in self._folder.glob("v*") if path.name[1:].isdigit())

    def _path(self, version: int) -> Path:
        return self._folder / f"v{version}"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
