"""Versions of the learned models on disk.

A version is a folder of files (LightGBM text, npz without pickle, JSON) and a manifest with their SHA-256 digests. It
is written under a temporary name and then renamed, so after a crash it is there completely or not at all. A corrupt
file costs one version, not the service.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from learner.errors import CorruptVersion, UnknownVersion
from planners.model import Versioned

_MANIFEST = "manifest.json"
_CHAMPION = "champion"
T = TypeVar("T")


class Manifest(Versioned):
    """A version: from how many outcomes it was learned, its scores on unseen outcomes, and its files' digests."""

    version: int = Field(ge=1, description="Its number")
    outcomes: int = Field(default=0, ge=0, description="From how many outcomes it was learned")
    figures: dict[str, float] = Field(default_factory=dict, description="Its scores on outcomes that it has not seen")
    files: dict[str, str] = Field(description="File -> digest")


class LoadedVersion(NamedTuple, Generic[T]):
    """A decoded version (None if none is usable), and the versions that were found corrupt."""

    version: int | None
    value: T | None
    corrupt: tuple[CorruptVersion, ...]


class Registry:
    """A folder of versions, made by the first `save`. Only one process may write to it."""

    def __init__(self, folder: Path, keep: int = 10) -> None:
        self._folder = folder
        self._keep = max(1, keep)

    def save(self, files: Mapping[str, bytes], *, outcomes: int = 0, figures: Mapping[str, float] | None = None) -> int:
        """Store a new version, make it the champion, and delete the oldest beyond ``keep``.

        Raises:
            OSError: the folder cannot be written; the champion has not changed.
        """
        version = max(self._numbers(), default=0) + 1
        manifest = Manifest(
            version=version,
            outcomes=outcomes,
            figures=dict(figures or {}),
            files={name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        )
        self._write_version(version, {**files, _MANIFEST: manifest.model_dump_json(indent=1).encode()})
        self._set_champion(version)
        for old in self._numbers()[: -self._keep]:
            shutil.rmtree(self._path(old), ignore_errors=True)
        return version

    def versions(self) -> list[Manifest]:
        """Every readable version, oldest first. `load` reports the others."""
        found = []
        for version in self._numbers():
            with suppress(CorruptVersion):
                found.append(self._manifest(version))
        return found

    @property
    def champion(self) -> int | None:
        """The version in use; the newest if that is not recorded, None if there is none."""
        numbers = self._numbers()
        try:
            recorded = int((self._folder / _CHAMPION).read_text())
        except (OSError, ValueError):
            recorded = -1
        return recorded if recorded in numbers else (numbers[-1] if numbers else None)

    def load(self, decode: Callable[[Mapping[str, bytes]], T]) -> LoadedVersion[T]:
        """Decode the champion. If it is corrupt, the newest usable version before it becomes the champion.

        ``decode`` may raise anything on bytes that it cannot read.
        """
        corrupt: list[CorruptVersion] = []
        champion = self.champion
        for version in reversed([n for n in self._numbers() if champion is not None and n <= champion]):
            try:
                value = self._decode(version, decode)
            except CorruptVersion as error:
                corrupt.append(error)
                continue
            if corrupt:
                with suppress(OSError):  # on a disk that cannot be written, the next start looks for it again
                    self._set_champion(version)
            return LoadedVersion(version, value, tuple(corrupt))
        return LoadedVersion(None, None, tuple(corrupt))

    def rollback(self, version: int | None = None, decode: Callable[[Mapping[str, bytes]], Any] = dict) -> int:
        """Make ``version`` the champion, None for the version before the champion; return its number.

        Raises:
            UnknownVersion: there is no such version.
            CorruptVersion: its files are damaged, or ``decode`` cannot read them; nothing has changed.
            OSError: the folder cannot be written; nothing has changed.
        """
        if version is None:
            earlier = [number for number in self._numbers() if number < (self.champion or 0)]
            if not earlier:
                raise UnknownVersion("there is no earlier version to go back to", "version", "see learner versions")
            version = earlier[-1]
        if version not in self._numbers():
            raise UnknownVersion(f"there is no version {version}", "version", "see learner versions")
        self._decode(version, decode)
        self._set_champion(version)
        return version

    def _decode(self, version: int, decode: Callable[[Mapping[str, bytes]], T]) -> T:
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
        except Exception as error:  # a boundary: whatever a decoder raises, the version is not usable
            raise CorruptVersion(f"version {version} cannot be read: {type(error).__name__}: {error}") from error

    def _manifest(self, version: int) -> Manifest:
        try:
            manifest = Manifest.model_validate_json((self._path(version) / _MANIFEST).read_bytes())
        except (OSError, ValidationError) as error:
            raise CorruptVersion(f"version {version}: its manifest cannot be read") from error
        if any(Path(name).name != name for name in manifest.files):
            raise CorruptVersion(f"version {version}: its manifest names files outside its folder")
        return manifest

    def _write_version(self, version: int, files: Mapping[str, bytes]) -> None:
        partial = self._folder / f".{version}.part"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            partial.mkdir(parents=True)
            for name, content in files.items():
                _write(partial / name, content)
            _sync_folder(partial)
            partial.rename(self._path(version))
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)  # a full disk needs the space
            raise
        _sync_folder(self._folder)

    def _set_champion(self, version: int) -> None:
        partial = self._folder / f".{_CHAMPION}.part"
        _write(partial, str(version).encode())
        partial.replace(self._folder / _CHAMPION)
        _sync_folder(self._folder)

    def _numbers(self) -> list[int]:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except OSError:  # there is no folder yet, or it cannot be read
            return []
        return sorted(int(name[1:]) for name in names if _is_version(name))

    def _path(self, version: int) -> Path:
        return self._folder / f"v{version}"


def _is_version(name: str) -> bool:
    digits = name[1:]
    # Only names that `Registry` itself would write: neither "v01" nor digits of other scripts.
    return name.startswith("v") and digits.isascii() and digits.isdigit() and not digits.startswith("0")


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder durable, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse to sync a folder
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
