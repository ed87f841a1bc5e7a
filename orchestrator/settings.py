"""Every setting of the service: one frozen tree, built once at the edge from flags, environment and a YAML file.

Flags win over ``FORERUN_*`` variables (``__`` after the section: ``FORERUN_HTTP__PORT=9000``), these over the file.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Section(BaseModel):
    """A part of the tree: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Http(Section):
    """Where the service listens, and how long a request may hold a connection. Port 0: any free one."""

    host: str = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    max_wait_s: float = Field(default=60.0, gt=0, le=3600)
    heartbeat_s: float = Field(default=15.0, gt=0, le=600)


class ClusterSettings(Section):
    """The Ray cluster. No address: a local one of ``num_cpus`` logical CPUs (default: as many as the machine has).

    ``runtime_env`` is Ray's runtime environment of the workers: what is not installed on a cluster's nodes.
    """

    address: str | None = None
    num_cpus: int | None = Field(default=None, gt=0)
    num_gpus: int | None = Field(default=None, ge=0)
    refresh_s: float = Field(default=1.0, gt=0)
    runtime_env: dict[str, JsonValue] = Field(default_factory=dict)


class ReconcilerSettings(Section):
    """How many actors share the runs, by task id."""

    shards: int = Field(default=1, ge=1, le=256)


class JournalSettings(Section):
    """Where runs are recorded: an SQLAlchemy URL. Default: SQLite in the data directory."""

    url: SecretStr | None = None


class PlanningSettings(Section):
    """Bounds of the two planners. ``workers`` are threads of one solve, ``solves_at_once`` how many solves share the
    planner; the guess has a hard time budget. Up to so many ``alternatives`` are tried beside it where a goal may well
    begin otherwise; none by default, as what they waste on contended and misleading requests is not measured yet.
    """

    time_limit_s: float = Field(default=10.0, gt=0, le=600)
    workers: int = Field(default=1, ge=1)
    solves_at_once: int = Field(default=2, ge=1)
    speculative_budget_s: float = Field(default=0.02, gt=0, le=10)
    alternatives: int = Field(default=0, ge=0, le=8)


class GateSettings(Section):
    """How boldly is speculated: the dial's default, a cap on unconfirmed attempts, dollars at risk per task."""

    alpha: float = Field(default=0.5, ge=0, le=1)
    max_unconfirmed: int = Field(default=256, ge=0)
    budget_usd: float | None = Field(default=None, ge=0)


class LlmSettings(Section):
    """The model that decomposes goals, behind any URL that speaks the OpenAI chat protocol.

    See `planners.optimal.decompose.config.LLMConfig` for what each means.
    """

    base_url: str | None = None
    model: str | None = None
    api_key: SecretStr | None = None
    output: Literal["json_schema", "tool", "json_object"] = "json_schema"
    first_token_s: float = Field(default=60.0, gt=0)
    stall_s: float = Field(default=15.0, gt=0)
    timeout_s: float = Field(default=180.0, gt=0)
    max_repairs: int = Field(default=2, ge=0)
    max_retries: int = Field(default=2, ge=0)
    extra: dict[str, JsonValue] = Field(default_factory=dict)


class LearnerSettings(Section):
    """Whether outcomes are learned from, and how often what was learned reaches the planners."""

    enabled: bool = True
    refresh_s: float = Field(default=1.0, gt=0)


class LimitSettings(Section):
    """What is taken on before the service says 413 or 429."""

    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    max_queue: int = Field(default=20_000, ge=1)


class Settings(BaseSettings):
    """The tree. Use `orchestrator.config.load` to build it with errors that name the key and the nearest right one."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FORERUN_", env_nested_delimiter="__", env_ignore_empty=True
    )

    http: Http = Http()
    cluster: ClusterSettings = ClusterSettings()
    reconciler: ReconcilerSettings = ReconcilerSettings()
    journal: JournalSettings = JournalSettings()
    planning: PlanningSettings = PlanningSettings()
    gate: GateSettings = GateSettings()
    llm: LlmSettings = LlmSettings()
    learner: LearnerSettings = LearnerSettings()
    limits: LimitSettings = LimitSettings()
    catalog: Path | None = None
    data_dir: Path = Path(".forerun")

    @property
    def journal_url(self) -> str:
        """The journal's URL with the default filled in."""
        if self.journal.url is not None:
            return self.journal.url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'journal.sqlite3').absolute()}"
