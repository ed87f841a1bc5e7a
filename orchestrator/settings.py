"""All settings of the service: one frozen tree, built from flags, environment variables and a YAML file.

Flags override ``FORERUN_*`` variables (``__`` after the section: ``FORERUN_HTTP__PORT=9000``), and these override the
file.
"""

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.settings_section import Section
from orchestrator.storage_settings import OutputSettings, ResultSettings

if TYPE_CHECKING:
    from planners.speculative.settings import SpeculativeSettings


class IngressMode(StrEnum):
    """How requests reach the service.

    ``serve``: through a Ray Serve deployment, on any cluster. ``direct``: without Serve, for a service on one machine.
    A single shard answers requests in its own process; several share one process that does.
    """

    SERVE = "serve"
    DIRECT = "direct"


class Http(Section):
    """Address of the service, and how long a request may stay open."""

    host: str = Field(default="127.0.0.1", description="The address to listen on")
    port: int = Field(default=8700, ge=0, le=65535, description="The port; 0: a free one")
    ingress: IngressMode = Field(default=IngressMode.SERVE, description="How requests reach the service")
    max_wait_s: float = Field(
        default=60.0, gt=0, le=3600, description="The longest that a request with `wait_s` stays open"
    )
    heartbeat_s: float = Field(
        default=15.0, gt=0, le=600, description="Streams without events send a comment this often"
    )
    require_keys: bool | None = Field(
        default=None, description="Whether requests need an API key. Default: unless `host` is a loopback address"
    )

    a2a: bool = Field(default=False, description="Whether other agents can use the service over A2A (extra `a2a`)")
    mcp: bool = Field(default=False, description="Whether models can use the service over MCP (extra `mcp`)")
    skills: tuple[str, ...] | None = Field(
        default=None, description="The workflows and capabilities that others may use. Default: all, and goals"
    )
    default_skill: str = Field(default="", description="The skill of a request that names none. Default: `goal`")
    public_url: str | None = Field(default=None, description="The URL that clients outside use, for cards and links")

    @field_validator("public_url")
    @classmethod
    def _is_a_url(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError(f"'{url}' does not say how it is reached; write https://{url}")
        return url

    @property
    def keys_required(self) -> bool:
        """Whether requests need an API key."""
        return not _is_loopback(self.host) if self.require_keys is None else self.require_keys

    @property
    def url(self) -> str:
        """The URL of the service on its own host."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def trusts_this_machine(self) -> bool:
        """Whether every program of this machine, and no other, may send requests without a key."""
        return _is_loopback(self.host) and not self.keys_required


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
    """The Ray cluster: a local one, or the running one at an address."""

    address: str | None = Field(default=None, description="Address of a running cluster; null: start a local one")
    num_cpus: int | None = Field(
        default=None, gt=0, description="Logical CPUs of a local cluster. Default: those of the machine"
    )
    num_gpus: int | None = Field(
        default=None, ge=0, description="GPUs of a local cluster. Default: those of the machine"
    )
    refresh_s: float = Field(default=1.0, gt=0, description="The state of the nodes is read this often")
    node_timeout_s: float = Field(
        default=5.0,
        gt=0,
        description="A node that does not answer for so long is lost: its attempts run elsewhere, and it is not "
        "used again before Ray is restarted there",
    )
    measure: bool = Field(
        default=True,
        description="Measure the speed of the nodes, the links between hosts, load by others, and which nodes can run "
        "containers",
    )
    runtime_env: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Ray's runtime environment of the workers; it ships what is not installed on the nodes",
    )

    @property
    def through_client(self) -> bool:
        """Whether the cluster is joined from outside, through Ray's client."""
        return self.address is not None and self.address.startswith("ray://")


class HostSettings(Section):
    """The processes of agents."""

    heartbeat_timeout_s: float = Field(
        default=10.0,
        gt=0,
        description="A process of async agents whose event loop does not answer for so long is replaced",
    )
    processes_per_node: int = Field(
        default=32, ge=1, description="How many agents without resources run in processes of their own on a node"
    )
    verify_timeout_s: float = Field(default=30.0, gt=0, description="Time limit of a verify hook")


class ReconcilerSettings(Section):
    """The actors that run tasks."""

    shards: int = Field(
        default=1,
        ge=1,
        le=256,
        description="Number of actors that run tasks; each has its share of the tasks, by their ids",
    )


class JournalSettings(Section):
    """The database of the journal."""

    url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the database. Default: SQLite in the data directory"
    )


class PlanningSettings(Section):
    """Bounds of the two planners.

    Alternative first steps together claim no more probability than the speculative plan leaves.
    """

    time_limit_s: float = Field(
        default=10.0, gt=0, le=600, description="Time limit of the optimal planner; that of a task may be shorter"
    )
    workers: int = Field(default=1, ge=1, description="Threads of one solve")
    solves_at_once: int = Field(default=2, ge=1, description="Solves that run in parallel")
    certified_steps: int = Field(
        default=1_000,
        ge=0,
        description="Declared workflows of up to so many steps whose optimal plan needs no search are planned at "
        "once, without a speculative plan, and larger ones if all their agents start at once; 0: none",
    )
    speculative_budget_s: float = Field(
        default=0.02, gt=0, le=10, description="CPU time of one speculative plan, and of its alternatives together"
    )
    alternatives: int = Field(
        default=2,
        ge=0,
        le=8,
        description="How many alternative first steps may run beside the speculative plan; each is subject to the gate",
    )
    revise_guesses: bool = Field(
        default=True, description="Guess the rest of a goal's plan again while the plan streams in"
    )
    compiled: bool = Field(
        default=True,
        description="Plan large workflows with machine code, which takes half a minute to compile once; needs the "
        "extra fast",
    )

    @property
    def speculative(self) -> "SpeculativeSettings":
        """The bounds of the speculative planner."""
        from planners.speculative.settings import SpeculativeSettings  # noqa: PLC0415 - the package imports scipy

        return SpeculativeSettings(
            budget_s=self.speculative_budget_s, alternatives=self.alternatives, revises=self.revise_guesses
        )


class GateSettings(Section):
    """Bounds of speculation."""

    alpha: float = Field(default=0.8, ge=0, le=1, description="`planning.alpha` of tasks that do not set it")
    max_unconfirmed: int = Field(default=256, ge=0, description="Unconfirmed attempts of a task at a time")
    budget_usd: float | None = Field(default=None, ge=0, description="Dollars at risk per task; null: no limit")


class DraftSettings(Section):
    """A small model that decomposes goals too, in about a second. Its plan is a guess, which only starts work early."""

    model: str = Field(description="Name of the model")
    base_url: str | None = Field(default=None, description="Base URL of the API. Default: that of the other model")
    api_key: SecretStr | None = Field(default=None, description="Key of the API. Default: that of the other model")
    output: Literal["json_schema", "tool", "json_object"] = Field(
        default="json_schema", description="How the answer is kept to its schema"
    )
    usd_per_plan: float = Field(
        default=0.0,
        ge=0,
        description="Dollars of one draft. It is asked for where the time that it probably gains is worth more",
    )
    expected_s: float = Field(default=1.0, gt=0, description="Seconds of a draft before any was measured")
    timeout_s: float = Field(default=15.0, gt=0, description="Seconds after which a draft is given up")
    extra: dict[str, JsonValue] = Field(default_factory=dict, description="Further fields of the request's body")


class LlmSettings(Section):
    """The model that decomposes goals, at any URL that speaks the OpenAI chat protocol, and one for drafts.

    `planners.optimal.decompose.config.LLMConfig` documents each key.
    """

    base_url: str | None = Field(default=None, description="Base URL of the API, such as `https://api.openai.com/v1`")
    model: str | None = Field(default=None, description="Name of the model")
    api_key: SecretStr | None = Field(default=None, description="Key of the API")
    output: Literal["json_schema", "tool", "json_object"] = Field(
        default="json_schema",
        description="How the answer is kept to its schema: by the server, by a forced tool call, or by instructions",
    )
    first_token_s: float = Field(default=60.0, gt=0, description="Seconds until the first token")
    stall_s: float = Field(default=15.0, gt=0, description="Seconds between two tokens")
    timeout_s: float = Field(default=180.0, gt=0, description="Seconds of the whole answer")
    max_repairs: int = Field(default=2, ge=0, description="How often the model may correct an invalid plan")
    max_retries: int = Field(default=2, ge=0, description="How often a failed request is repeated")
    extra: dict[str, JsonValue] = Field(default_factory=dict, description="Further fields of the request's body")
    draft: DraftSettings | None = Field(default=None, description="A small model that drafts plans")


class LearnerSettings(Section):
    """Learning from outcomes."""

    enabled: bool = Field(default=True, description="Whether the service learns from outcomes")
    refresh_s: float = Field(default=1.0, gt=0, description="The planners receive updates this often")
    shared_folder: Path | None = Field(
        default=None,
        description="Folder of the models that every node mounts, for a service whose actors may run on any node. "
        "Default: a folder in the data directory of one node",
    )


class LogSettings(Section):
    """Logs: those of the service, and those of attempts."""

    file: Path | None = Field(
        default=None, description="The service's own log. Default: `logs/service.log` in the data directory"
    )
    format: Literal["text", "json"] = Field(default="text", description="Form of the service's own log")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level of the service's own log"
    )
    capture: bool = Field(default=True, description="Keep what agents print and log")
    line_chars: int = Field(
        default=4_000, ge=80, le=100_000, description="Lines of attempts are cut after so many characters"
    )
    attempt_bytes: int = Field(default=1_000_000, ge=0, description="Most that is kept of one attempt")
    bytes_per_s: int = Field(
        default=64_000, ge=1, description="Rate that an attempt may log at after the first `burst_bytes`"
    )
    burst_bytes: int = Field(default=256_000, ge=0, le=512_000, description="What an attempt may log at once")


class CallbackSettings(Section):
    """Signed addresses, at which outside systems answer callbacks without an API key."""

    key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Secret that signs them. Default: one that is made at the first start, in the data directory",
    )
    ttl_s: float = Field(default=30 * 86_400.0, gt=0, le=1e9, description="They are valid for so long")


class LimitSettings(Section):
    """Bounds on requests (413) and on unfinished tasks (429)."""

    max_body_bytes: int = Field(
        default=4 * 1024 * 1024, ge=1024, description="Size of a request's body; larger ones get 413"
    )
    max_queue: int = Field(default=20_000, ge=1, description="Number of unfinished tasks; further ones get 429")


class Settings(BaseSettings):
    """The settings. `orchestrator.config.load_settings` builds them, with errors that name the nearest valid key."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="FORERUN_", env_nested_delimiter="__", env_ignore_empty=True
    )

    http: Http = Field(default=Http(), description="Address of the service")
    cluster: ClusterSettings = Field(default=ClusterSettings(), description="The Ray cluster")
    hosts: HostSettings = Field(default=HostSettings(), description="The processes of agents")
    reconciler: ReconcilerSettings = Field(default=ReconcilerSettings(), description="The actors that run tasks")
    journal: JournalSettings = Field(default=JournalSettings(), description="The database of the journal")
    results: ResultSettings = Field(default=ResultSettings(), description="The cache of results of pure agents")
    outputs: OutputSettings = Field(default=OutputSettings(), description="Large outputs of steps")
    planning: PlanningSettings = Field(default=PlanningSettings(), description="Bounds of the two planners")
    gate: GateSettings = Field(default=GateSettings(), description="Bounds of speculation")
    llm: LlmSettings = Field(default=LlmSettings(), description="The model that decomposes goals")
    learner: LearnerSettings = Field(default=LearnerSettings(), description="Learning from outcomes")
    limits: LimitSettings = Field(default=LimitSettings(), description="Bounds on requests and tasks")
    callbacks: CallbackSettings = Field(default=CallbackSettings(), description="Signed addresses of callbacks")
    logs: LogSettings = Field(default=LogSettings(), description="Logs of the service and of attempts")
    catalog: Path | None = Field(default=None, description="The catalog file")
    data_dir: Path = Field(default=Path(".forerun"), description="Folder of journal, models and logs")

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
