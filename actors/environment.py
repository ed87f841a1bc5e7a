"""The environment variables that agents see: a fixed set, and those that their catalog entry names.

Worker processes inherit the environment of the service or of their node, with its keys and URLs. Agents must not see
these, so every process that hosts agents removes them before it imports an agent.
"""

import os
from collections.abc import Iterable, Mapping
from functools import cache

from actors.secrets import SecretSources

_NAMES = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TERM", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    )
)
# Languages, Python, Ray's own workings, and what numerical libraries and GPUs need.
_PREFIXES = ("LC_", "PYTHON", "RAY_", "CUDA_", "NVIDIA_", "ROCR_", "HIP_", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_")
# Names with these parts are credentials of the cluster.
_CREDENTIALS = ("TOKEN", "PASSWORD", "SECRET", "AUTH")
_SERVICE_PREFIX = "FORERUN_"


def restrict_environment(declared: Iterable[str] = ()) -> None:
    """Remove from this process every variable but the fixed set and the declared ones. Safe to call again."""
    visible = {**base_environment(), **declared_variables(declared)}
    for name in os.environ.keys() - visible.keys():
        del os.environ[name]
    os.environ.update(visible)


def base_environment() -> dict[str, str]:
    """The variables that every agent sees."""
    inherited_environment()  # before anything is removed
    return {name: value for name, value in os.environ.items() if _is_for_everyone(name)}


def declared_variables(names: Iterable[str]) -> dict[str, str]:
    """The declared variables that are set on this node, or that a file or command gives; see `SecretSources`."""
    sources = _sources()
    return {name: value for name in names if (value := sources.value(name)) is not None}


def _sources() -> SecretSources:
    global _known  # noqa: PLW0603 - what commands have printed is kept in the process
    inherited = inherited_environment()
    if _known is None or _known.variables is not inherited:
        _known = SecretSources(inherited)
    return _known


_known: SecretSources | None = None


@cache
def inherited_environment() -> Mapping[str, str]:
    """What this process inherited, without the service's own variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SERVICE_PREFIX)}


def _is_for_everyone(name: str) -> bool:
    if name in _NAMES:
        return True
    return name.startswith(_PREFIXES) and not any(part in name.upper() for part in _CREDENTIALS)
