"""Settings of what is kept of the outputs of steps."""

from pydantic import Field

from orchestrator.settings_section import Section


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
