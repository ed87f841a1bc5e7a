"""Settings of what is kept of the outputs of steps."""

import re
from importlib.util import find_spec

from pydantic import Field, field_validator

from orchestrator.settings_section import Section
from planners.validation.suggestions import nearest

# Those that a message lists.
_USUAL = ("abfs", "file", "gs", "hdfs", "s3", "sftp", "webdav")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class ResultSettings(Section):
    """The cache of results of pure agents."""

    stored: bool = Field(default=True, description="Keep results in the journal's database, across restarts")
    ttl_s: float = Field(default=86_400.0, gt=0, description="How long a result may answer identical work")
    max_bytes: int = Field(
        default=1_073_741_824, ge=0, description="Bytes in the database; the least recently used results go first"
    )
    memory_bytes: int = Field(default=67_108_864, ge=0, description="Bytes in the memory of each shard")


class OutputSettings(Section):
    """Outputs of steps that are too large for the journal (over 16 KiB)."""

    url: str | None = Field(
        default=None,
        description="A folder that all nodes reach, such as file:///shared/outputs or s3://bucket/outputs (any that "
        "fsspec knows). Large outputs there survive lost nodes and restarts. Default: they stay in Ray's object store, "
        "and the steps whose outputs are lost run again",
    )

    @field_validator("url")
    @classmethod
    def _is_a_folder(cls, url: str | None) -> str | None:
        """Outputs that cannot be written stay with their node, so a wrong URL would show only when one is lost."""
        scheme = None if url is None else _SCHEME.match(url)
        if scheme is None or url is None:
            return url
        # Imported here: most settings have no such URL, and commands are to start quickly.
        from fsspec import available_protocols  # noqa: PLC0415
        from fsspec.registry import known_implementations  # noqa: PLC0415

        name, known = scheme[1], set(available_protocols())
        if name not in known:
            raise ValueError(f"fsspec knows no '{name}:'; {nearest(name, known, _USUAL)}")
        if not url.startswith(f"{name}://"):
            rest = url[scheme.end() :]
            raise ValueError(f"'{url}' is no URL; write {name}://{rest if name == 'file' else rest.lstrip('/')}")
        library = known_implementations.get(name, {}).get("class", "fsspec").partition(".")[0]
        if find_spec(library) is None:
            raise ValueError(f"{name}:// needs {library}, which is not installed; pip install {library}")
        return url
