"""Run one task in this process and return how it ended."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from actors.errors import InvalidCatalog
from actors.import_path import in_process_path
from actors.kinds.callables import declaration_of, derived_spec
from orchestrator.agent_files import catalog_near, load_agents
from orchestrator.local.service import LocalService
from orchestrator.local.virtual_loop import VirtualLoop
from orchestrator.settings import Settings
from orchestrator.task_documents import Submittable, task_of
from planners.agents import AgentSpec, Catalog, Provider
from planners.definitions import NamedWorkflow
from reconciler.views.models import TaskView

Agents = Callable[..., Any] | Catalog | Path | str


def run(
    task: Submittable,
    agents: Iterable[Agents] | None = None,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    virtual_time: bool = False,
    on_view: Callable[[TaskView], None] | None = None,
) -> TaskView:
    """Run a task in this process, without a service and without Ray, and return how it ended.

    Async agents run on one event loop, all others in threads. A failure of the task is not raised: look at ``status``
    and ``failure``. Works with and without a running event loop, which it blocks; `run_async` does not.

    Args:
        task: a `Task`, a mapping, or the path of a YAML or JSON file.
        agents: callables, catalogs, and paths of catalog files. A callable needs no decorator: its capability is then
            its name. Of agents with one name the last one counts, so that a test replaces an agent of a catalog by a
            function. None: the catalog beside the task's file, else the one in the current folder.
        settings: of which planning, gate and llm are used; also as a mapping, such as ``{"gate": {"alpha": 0.5}}``.
        virtual_time: let timers pass at once, so that agents that sleep take no time. Only for agents that wait for
            nothing but timers, each other and threads.
        on_view: gets the task about once a second while it runs.

    Raises:
        InvalidTask, InvalidRequest: the task cannot be run; names the field and the fix.
        InvalidCatalog: an agent is not valid, or there is none.
        InvalidSettings: a setting is unknown or not valid.
    """
    prepared, catalog = task_of(task), catalog_for(task, agents)

    def whole_run() -> TaskView:
        loop_factory = VirtualLoop if virtual_time else None
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(_run(prepared, catalog, settings, on_view))

    # Not run while that error is handled: it would be the context of whatever an agent raises.
    if not _on_an_event_loop():
        return whole_run()
    with ThreadPoolExecutor(1, thread_name_prefix="forerun-run") as thread:
        return thread.submit(whole_run).result()


def _on_an_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def run_async(
    task: Submittable, agents: Iterable[Agents] | None = None, *, settings: Settings | Mapping[str, Any] | None = None
) -> TaskView:
    """As `run`, on the running event loop."""
    return await _run(task_of(task), catalog_for(task, agents), settings)


async def _run(
    task: Any,
    catalog: Catalog,
    settings: Settings | Mapping[str, Any] | None,
    on_view: Callable[[TaskView], None] | None = None,
) -> TaskView:
    async with LocalService(catalog, settings) as service:
        return await service.run(task, on_view)


def catalog_for(task: Submittable | None, agents: Iterable[Agents] | None) -> Catalog:
    """The catalog of a run; see `run`.

    Raises:
        InvalidCatalog: an agent is not valid, or there is none.
    """
    if agents is None:
        file = Path(task) if isinstance(task, str | Path) else None
        if (found := catalog_near(file)) is None:
            where = "the current folder" if file is None else f"{file.absolute().parent} or the current folder"
            raise InvalidCatalog(
                f"there is no catalog.yaml in {where}", "catalog", "give the agents, or --catalog FILE"
            )
        agents = [found]
    if isinstance(agents, str | Path | Catalog | Mapping) or not isinstance(agents, Iterable):
        raise InvalidCatalog("this is no list of agents", "agents", "write agents=[...], also for a single one")
    specs: dict[str, AgentSpec] = {}
    providers: dict[str, Provider] = {}
    workflows: dict[str, NamedWorkflow] = {}
    for given in agents:
        catalog = _catalog(given)
        workflows |= {workflow.identity: workflow for workflow in catalog.workflows}
        specs |= {agent.name: agent for agent in catalog.agents}
        providers = {provider.name: provider for provider in catalog.providers} | providers
    return Catalog(
        agents=tuple(specs.values()), providers=tuple(providers.values()), workflows=tuple(workflows.values())
    )


def _catalog(given: Agents) -> Catalog:
    if isinstance(given, Catalog):
        return given
    if isinstance(given, str | Path):
        return load_agents(Path(given))
    if not callable(given):
        fix = "give callables, catalogs, and paths of catalog files"
        raise InvalidCatalog(f"{given!r} is no agent", "agents", fix)
    if declaration_of(given) is None:
        spec = derived_spec(given, capability=getattr(given, "__name__", type(given).__name__))
    else:
        spec = derived_spec(given)
    provider = () if spec.provider is None else (Provider(name=spec.provider),)
    return Catalog(agents=(spec.model_copy(update={"target": in_process_path(given)}),), providers=provider)
