"""Forerun runs multi-agent workflows, and starts agents before the plan is ready.

`from forerun import agent, Client, Task, Workflow, Step`. Every name here is defined in another package and imported
when it is first used, so that `import forerun` itself takes milliseconds and imports neither Ray nor a solver.
"""

import importlib
from typing import TYPE_CHECKING, Any

from forerun._packages import explain_missing, refuse_shadowing

if TYPE_CHECKING:
    from actors.agent import agent as agent
    from actors.catalog import catalog_of as catalog_of
    from actors.catalog import load_catalog as load_catalog
    from actors.context import Context as Context
    from actors.verification import DidNot as DidNot
    from actors.verification import Happened as Happened
    from actors.verification import Unknown as Unknown
    from orchestrator.client.blocking import SyncClient as SyncClient
    from orchestrator.client.client import Client as Client
    from orchestrator.client.errors import BadRequest as BadRequest
    from orchestrator.client.errors import Busy as Busy
    from orchestrator.client.errors import Conflict as Conflict
    from orchestrator.client.errors import NotAllowed as NotAllowed
    from orchestrator.client.errors import NotFound as NotFound
    from orchestrator.client.errors import Refused as Refused
    from orchestrator.client.errors import TaskFailed as TaskFailed
    from orchestrator.client.errors import Unreachable as Unreachable
    from orchestrator.config import load_settings as load_settings
    from orchestrator.errors import CannotStart as CannotStart
    from orchestrator.errors import ServiceError as ServiceError
    from orchestrator.local.run import run as run
    from orchestrator.local.run import run_async as run_async
    from orchestrator.local.service import LocalService as LocalService
    from orchestrator.settings import Settings as Settings
    from planners.agents import AgentSpec as AgentSpec
    from planners.agents import Catalog as Catalog
    from planners.agents import Effect as Effect
    from planners.agents import Price as Price
    from planners.agents import Provider as Provider
    from planners.agents import Retry as Retry
    from planners.builder import WorkflowBuilder as WorkflowBuilder
    from planners.definitions import NamedWorkflow as NamedWorkflow
    from planners.errors import ForerunError as ForerunError
    from planners.errors import InvalidTask as InvalidTask
    from planners.plans import Plan as Plan
    from planners.resources import Resources as Resources
    from planners.tasks import Interchange as Interchange
    from planners.tasks import Limits as Limits
    from planners.tasks import Mode as Mode
    from planners.tasks import Objective as Objective
    from planners.tasks import PlanningOptions as PlanningOptions
    from planners.tasks import Task as Task
    from planners.terms import expr as expr
    from planners.workflow import Approval as Approval
    from planners.workflow import Branch as Branch
    from planners.workflow import Callback as Callback
    from planners.workflow import Case as Case
    from planners.workflow import ForEach as ForEach
    from planners.workflow import Goal as Goal
    from planners.workflow import Join as Join
    from planners.workflow import Loop as Loop
    from planners.workflow import OnFailure as OnFailure
    from planners.workflow import Parallel as Parallel
    from planners.workflow import Route as Route
    from planners.workflow import Step as Step
    from planners.workflow import StepRetry as StepRetry
    from planners.workflow import Try as Try
    from planners.workflow import Use as Use
    from planners.workflow import Wait as Wait
    from planners.workflow import Workflow as Workflow
    from reconciler.state.commands import RunStatus as RunStatus
    from reconciler.state.evidence import FailureEvidence as FailureEvidence
    from reconciler.state.handoff import Failure as Failure
    from reconciler.state.handoff import Handoff as Handoff
    from reconciler.state.handoff import Usage as Usage
    from reconciler.views.models import FailuresView as FailuresView
    from reconciler.views.models import PlansView as PlansView
    from reconciler.views.models import StoredEvent as StoredEvent
    from reconciler.views.models import TaskPage as TaskPage
    from reconciler.views.models import TaskView as TaskView
    from reconciler.views.models import Timeline as Timeline
    from reconciler.views.models import TimelineBar as TimelineBar

# The module that defines each name. The imports above repeat it for type checkers.
_DEFINED_IN = {
    "AgentSpec": "planners.agents",
    "Approval": "planners.workflow",
    "BadRequest": "orchestrator.client.errors",
    "Branch": "planners.workflow",
    "Busy": "orchestrator.client.errors",
    "CannotStart": "orchestrator.errors",
    "Callback": "planners.workflow",
    "Case": "planners.workflow",
    "Catalog": "planners.agents",
    "Client": "orchestrator.client.client",
    "Conflict": "orchestrator.client.errors",
    "Context": "actors.context",
    "DidNot": "actors.verification",
    "Effect": "planners.agents",
    "Failure": "reconciler.state.handoff",
    "FailureEvidence": "reconciler.state.evidence",
    "FailuresView": "reconciler.views.models",
    "ForEach": "planners.workflow",
    "ForerunError": "planners.errors",
    "Goal": "planners.workflow",
    "Handoff": "reconciler.state.handoff",
    "Happened": "actors.verification",
    "Interchange": "planners.tasks",
    "InvalidTask": "planners.errors",
    "Limits": "planners.tasks",
    "LocalService": "orchestrator.local.service",
    "Join": "planners.workflow",
    "Loop": "planners.workflow",
    "Mode": "planners.tasks",
    "NamedWorkflow": "planners.definitions",
    "NotAllowed": "orchestrator.client.errors",
    "NotFound": "orchestrator.client.errors",
    "OnFailure": "planners.workflow",
    "Objective": "planners.tasks",
    "Parallel": "planners.workflow",
    "Plan": "planners.plans",
    "PlanningOptions": "planners.tasks",
    "PlansView": "reconciler.views.models",
    "Price": "planners.agents",
    "Provider": "planners.agents",
    "Refused": "orchestrator.client.errors",
    "Resources": "planners.resources",
    "Retry": "planners.agents",
    "Route": "planners.workflow",
    "RunStatus": "reconciler.state.commands",
    "ServiceError": "orchestrator.errors",
    "Settings": "orchestrator.settings",
    "Step": "planners.workflow",
    "StepRetry": "planners.workflow",
    "StoredEvent": "reconciler.views.models",
    "SyncClient": "orchestrator.client.blocking",
    "Task": "planners.tasks",
    "TaskFailed": "orchestrator.client.errors",
    "TaskPage": "reconciler.views.models",
    "TaskView": "reconciler.views.models",
    "Timeline": "reconciler.views.models",
    "TimelineBar": "reconciler.views.models",
    "Try": "planners.workflow",
    "Unknown": "actors.verification",
    "Unreachable": "orchestrator.client.errors",
    "Usage": "reconciler.state.handoff",
    "Use": "planners.workflow",
    "Wait": "planners.workflow",
    "Workflow": "planners.workflow",
    "WorkflowBuilder": "planners.builder",
    "agent": "actors.agent",
    "catalog_of": "actors.catalog",
    "expr": "planners.terms",
    "load_catalog": "actors.catalog",
    "load_settings": "orchestrator.config",
    "run": "orchestrator.local.run",
    "run_async": "orchestrator.local.run",
}

__all__ = list(_DEFINED_IN)


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562)."""
    if name not in _DEFINED_IN:
        raise AttributeError(f"module 'forerun' has no attribute {name!r}")
    refuse_shadowing()
    try:
        value = getattr(importlib.import_module(_DEFINED_IN[name]), name)
    except ModuleNotFoundError as error:
        explain_missing(error)
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, for completion."""
    return sorted(__all__)
