"""A predictor as bytes: an npz archive of plain arrays and a JSON header. Nothing in it is ever unpickled."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learner.predictor.errors import CorruptPredictor, PredictorError

FORMAT = 8  # raise it when arrays or labels change their meaning
# 4: without what requests got before, 5: without word alignment, 6: without that of groups, 7: with a column of weights
# for each target (`FittedModels.from_stored`)
READABLE = (4, 5, 6, 7, FORMAT)
Arrays = Mapping[str, NDArray[np.generic]]
# All that a damaged archive makes numpy, zipfile, json or a model's constructor raise.
_DAMAGE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, IndexError, MemoryError)


def to_bytes(header: Mapping[str, Any], arrays: Arrays) -> bytes:
    """The archive; ``header`` is JSON."""
    raw = json.dumps({"format": FORMAT, **header}).encode()
    file = io.BytesIO()
    np.savez(file, header=np.frombuffer(raw, dtype=np.uint8), **arrays)  # type: ignore[arg-type]  # the stub takes no dict
    return file.getvalue()


def from_bytes(raw: bytes, name: str) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
    """Inverse of `to_bytes`: header and arrays.

    Raises:
        CorruptPredictor: the bytes are no whole archive of this format; the message contains ``name``.
    """
    with damage_reported(name):
        with np.load(io.BytesIO(raw), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        header: dict[str, Any] = json.loads(arrays.pop("header").tobytes())
        if header["format"] not in READABLE:
            raise CorruptPredictor(f"{name}: format {header['format']}, this version reads {FORMAT}")
        return header, arrays


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """Turn every way an archive can be damaged into one error that names the file."""
    try:
        yield
    except PredictorError:
        raise
    except _DAMAGE as error:
        raise CorruptPredictor(f"{name}: {error}") from error


def under(prefix: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    """The arrays whose name begins with the prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
