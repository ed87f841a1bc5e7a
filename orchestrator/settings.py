"""All settings of the service: one frozen tree, built from flags, environment variables and a YAML file.

Flags override ``FORERUN_*`` variables (``__`` after the section: ``FORERUN_HTTP__PORT=9000``), and these override the
file.
"""

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from planners.speculative.settings import SpeculativeSettings


class Section(BaseModel):
    """A section of the settings. It is frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IngressMode(StrEnum):
    """How requests reach the service.

    ``serve``: through a Ray Serve deployment, on any cluster. ``direct``: without Serve, for a service on one machine.
    A single shard answers requests in its own process; several share one process that does.
    """

    SERVE = "serve"
    DIRECT = "direct"


class Http(Section):
    """Address of the service, and how long a request may stay open. Port 0 takes a free one.

    ``require_keys``: whether requests need an API key. Default: unless ``host`` is a loopback address.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8700, ge=0, le=65535)
    ingress: IngressMode = IngressMode.SERVE
    max_wait_s: float = Field(default=60.0, gt=0, le=3600)
    heartbeat_s: float = Field(default=15.0, gt=0, le=600)
    require_keys: bool | None = None

    @property
    def keys_required(self) -> bool:
        """Whether requests need an API key."""
        return not _is_loopback(self.host) if self.require_keys is None else self.require_keys


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# The one place that describes addresses; the command line and errors quote it.
ADDRESS_FORMS = (
    "HOST:PORT of the head (joins as a driver on a node of the cluster), auto (the cluster of this machine), or "
    "ray://HOST:10001 (Ray's client, from outside)"
)


class ClusterSettings(Section):
    """The Ray cluster. Without an address, a local one with ``num_cpus`` logical CPUs (default: those of the machine).

    ``runtime_env`` is Ray's runtime environment of the workers; it ships what is not installed on the nodes.
    A node that does not answer for ``node_timeout_s`` is lost: its attempts run elsewhere, and it is not used again
    before Ray is restarted there. ``measure``: measure the speed of the nodes, the links between hosts, and load by
    others.
    """

    address: str | None = None
    num_cpus: int | None = Field(default=None, gt=0)
    num_gpus: int | None = Field(default=None, ge=0)
    refresh_s: float = Field(default=1.0, gt=0)
    node_timeout_s: float = Field(default=5.0, gt=0)
    measure: bool = True
    runtime_env: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def through_client(self) -> bool:
        """Whether the cluster is joined from outside, through Ray's client."""
        return self.address is not None and self.address.startswith("ray://")


class HostSettings(Section):
    """The processes of agents.

    A process of async agents whose event loop does not answer for ``heartbeat_timeout_s`` is replaced. At most
    ``processes_per_node`` agents without resources run in processes of their own on a node. A verify hook may take
    ``verify_timeout_s``.
    """

    heartbeat_timeout_s: float = Field(default=10.0, gt=0)
    processes_per_node: int = Field(default=32, ge=1)
    verify_timeout_s: float = Field(default=30.0, gt=0)


class ReconcilerSettings(Section):
    """Number of actors that share the runs, by task id."""

    shards: int = Field(default=1, ge=1, le=256)


class JournalSettings(Section):
    """Database of the journal: an SQLAlchemy URL. Default: SQLite in the data directory."""

    url: SecretStr | None = None


class PlanningSettings(Section):
    """Bounds of the two planners.

    ``workers`` are the threads of one solve, ``solves_at_once`` the solves that run in parallel. Declared workflows of
    up to ``certified_steps`` steps whose optimal plan needs no search are planned at once, without a speculative plan;
    0 leaves all plans to the optimal planner. The speculative planner has a hard time budget. Up to ``alternatives``
    alternative first steps run alongside the speculative plan, each subject to the gate; together they claim no more
    probability than the speculative plan leaves. With ``revise_guesses``, the rest of a goal's plan is guessed again
    while the plan streams in.
    """

    time_limit_s: float = Field(default=10.0, gt=0, le=600)
    workers: int = Field(default=1, ge=1)
    solves_at_once: int = Field(default=2, ge=1)
    certified_steps: int = Field(default=1_000, ge=0)
    speculative_budget_s: float = Field(default=0.02, gt=0, le=10)
    alternatives: int = Field(default=2, ge=0, le=8)
    revise_guesses: bool = True

    @property
    def speculative(self) -> "SpeculativeSettings":
        """The bounds of the speculative planner."""
        from planners.speculative.settings import SpeculativeSettings  # noqa: PLC0415 - the package imports scipy

        return SpeculativeSettings(
            budget_s=self.speculative_budget_s, alternatives=self.alternatives, revises=self.revise_guesses
        )


class GateSettings(Section):
    """Bounds of speculation: alpha of tasks that do not set it, unconfirmed attempts and dollars at risk per task."""

    alpha: float = Field(default=0.5, ge=0, le=1)
    max_unconfirmed: int = Field(default=256, ge=0)
    budget_usd: float | None = Field(default=None, ge=0)


class LlmSettings(Section):
    """The model that decomposes goals, at any URL that speaks the OpenAI chat protocol.

    `planners.optimal.decompose.config.LLMConfig` documents each key.
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
    """Whether the service learns from outcomes, and how often the planners receive updates.

    Models are stored under the data directory, or in ``shared_folder``: a folder that every node mounts, for a service
    whose actors may run on any node.
    """

    enabled: bool = True
    refresh_s: float = Field(default=1.0, gt=0)
    shared_folder: Path | None = None


class LogSettings(Section):
    """Logs: those of the service, and those of attempts.

    ``file`` is the service's own log (default: ``logs/service.log`` in the data directory), ``format`` and ``level``
    apply to it. ``capture``: keep what agents print and log. Of one attempt at most ``attempt_bytes`` are kept, at most
    ``bytes_per_s`` after the first ``burst_bytes``, and a line is cut after ``line_chars``.
    """

    file: Path | None = None
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    capture: bool = True
    line_chars: int = Field(default=4_000, ge=80, le=100_000)
    attempt_bytes: int = Field(default=1_000_000, ge=0)
    bytes_per_s: int = Field(default=64_000, ge=1)
    burst_bytes: int = Field(default=256_000, ge=0, le=512_000)


class LimitSettings(Section):
    """Bounds on requests (413) and on unfinished tasks (429)."""

    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    max_queue: int = Field(default=20_000, ge=1)


class Settings(BaseSettings):
    """The settings. `orchestrator.config.load_settings` builds them, with errors that name the nearest valid key."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FORERUN_", env_nested_delimiter="__", env_ignore_empty=True
    )

    http: Http = Http()
    cluster: ClusterSettings = ClusterSettings()
    hosts: HostSettings = HostSettings()
    reconciler: ReconcilerSettings = ReconcilerSettings()
    journal: JournalSettings = JournalSettings()
    planning: PlanningSettings = PlanningSettings()
    gate: GateSettings = GateSettings()
    llm: LlmSettings = LlmSettings()
    learner: LearnerSettings = LearnerSettings()
    limits: LimitSettings = LimitSettings()
    logs: LogSettings = LogSettings()
    catalog: Path | None = None
    data_dir: Path = Path(".forerun")

    @property
    def models_folder(self) -> Path:
        """The folder of the learned models."""
        return (self.learner.shared_folder or self.data_dir / "models").absolute()

    @property
    def log_file(self) -> Path:
        """The service's own log."""
        return (self.logs.file or self.data_dir / "logs" / "service.log").absolute()

    @property
    def journal_url(self) -> str:
        """The journal's URL, or the default one."""
        if self.journal.url is not None:
            return self.journal.url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'journal.sqlite3').absolute()}"
