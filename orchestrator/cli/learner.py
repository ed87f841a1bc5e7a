"""Commands about the learner: its status, the gate's ledger, the versions of its models."""
# ruff: noqa: FBT002 - a command's parameters are the options people type, flags among them

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from orchestrator.cli.credentials import with_credentials
from orchestrator.cli.exit_codes import reported
from orchestrator.cli.listing import Listing
from orchestrator.cli.options import DEFAULT_URL, AsJson, Url
from orchestrator.cli.output import coloured, console, print_json, seconds, table
from orchestrator.cli.tasks import with_client
from orchestrator.errors import LearnerOff
from orchestrator.gateway.protocol import LearnerVersions
from planners.amounts import dollars

if TYPE_CHECKING:
    from learner.online.ledger import LedgerEntry, LedgerSummary, LedgerView
    from learner.online.reliability import CalibrationReport

learner = typer.Typer(help="Print the learner's status as JSON, or manage stored versions of its models.")


@learner.callback(invoke_without_command=True)
@with_credentials
@reported
def status(context: typer.Context, url: Url = DEFAULT_URL) -> None:
    """Print the learner's status as JSON, or manage stored versions of its models."""
    if context.invoked_subcommand is None:
        print_json(with_client(url, lambda client: client.learner()))


@learner.command("versions")
@with_credentials
@reported
def versions(url: Url = DEFAULT_URL, as_json: AsJson = False) -> None:
    """List the stored versions of the learned models, oldest first."""
    found = with_client(url, lambda client: client.learner_versions())
    if as_json:
        print_json(found)
    elif not found.versions:
        console.print("No version is stored yet. Models are trained once there are enough outcomes.", soft_wrap=True)
    else:
        _print_versions(found)


@learner.command("rollback")
@with_credentials
@reported
def rollback(
    version: Annotated[int | None, typer.Argument(min=1, help="Default: the version before the one in use.")] = None,
    url: Url = DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Switch to an earlier version of the learned models."""
    found = with_client(url, lambda client: client.learner_rollback(version))
    if as_json:
        print_json(found)
    else:
        console.print(f"version {found.in_use} is in use")


@reported
def ledger(
    url: Url = DEFAULT_URL,
    limit: Annotated[int, typer.Option(min=0, max=100, help="How many of the newest decisions to show.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the gate's decisions and their results: calibration, regret, the newest decisions."""
    learned = with_client(url, lambda client: client.learner())
    if "ledger" not in learned:
        raise LearnerOff
    # Imported here: it imports scikit-learn, which takes seconds, and only this command needs it.
    from learner.online.ledger import LedgerView  # noqa: PLC0415 (see above)

    view = LedgerView.model_validate(learned["ledger"])
    view = view.model_copy(update={"entries": view.entries[:limit]})
    if as_json:
        print_json(view)
        return
    _print_totals(view)
    _print_calibration(view.total.calibration)
    if view.entries:
        entries = [_entry(entry) for entry in view.entries]
        console.print(Listing(_ENTRY_COLUMNS, entries, unnamed=("decision", "verdict"), title="\nnewest decisions"))


def _print_versions(found: LearnerVersions) -> None:
    rows = [
        [
            f"{kept.version}{' (in use)' if kept.version == found.in_use else ''}",
            str(kept.outcomes),
            ", ".join(f"{escape(name)} {figure:.3g}" for name, figure in sorted(kept.figures.items())),
        ]
        for kept in found.versions
    ]
    columns = ["version", "outcomes", "metrics on unseen outcomes"]
    console.print(Listing(columns, rows, texts=columns[-1:]))


def _print_totals(view: "LedgerView") -> None:
    kinds = {"all tasks": view.total, **view.by_kind}
    rows = [[escape(kind) or "(no kind)", *_total(summary)] for kind, summary in kinds.items()]
    columns = ["task kind", "decisions", "dispatched", "survived", "saved s", "wasted s", "waste", "worth $"]
    console.print(Listing([*columns, "vs oracle $", "vs always $", "vs never $"], rows))
    console.print("vs: regret, how much more that policy would have been worth. Below 0, the gate was better.")


def _total(summary: "LedgerSummary") -> list[str]:
    regret = [dollars(summary.regret_usd.get(name, 0.0)) for name in ("oracle", "always", "never")]
    counts = [str(summary.decisions), str(summary.dispatched), str(summary.survived)]
    figures = [seconds(summary.realised_s), seconds(summary.wasted_s), f"{100 * summary.waste:.1f} %"]
    return [*counts, *figures, dollars(summary.worth_usd.gate), *regret]


def _print_calibration(report: "CalibrationReport") -> None:
    if report.brier is None or report.ece is None:
        console.print("\nThere is no calibration yet, because no speculative attempt has a verdict.")
        return
    rows = [
        [f"{kept.low:.1f}-{kept.high:.1f}", str(kept.count), f"{kept.claimed:.2f}", f"{kept.observed:.2f}"]
        for kept in report.bins
    ]
    title = f"\ncalibration over {report.count} speculative attempts: Brier {report.brier:.3f}, ECE {report.ece:.3f}"
    console.print(table(["claimed", "attempts", "mean claim", "survived"], rows, title))


_ENTRY_COLUMNS = ("step", "agent", "P", "L s", "C $", "decision", "verdict", "saved s", "wasted s")


def _entry(entry: "LedgerEntry") -> list[str]:
    return [
        escape(entry.step),
        escape(entry.agent),
        "" if entry.probability is None else f"{entry.probability:.2f}",
        seconds(entry.saved_s),
        "" if entry.cost_usd is None else dollars(entry.cost_usd),
        "dispatched" if entry.dispatched else "not dispatched",
        coloured(entry.verdict.value),
        seconds(entry.realised_s),
        seconds(entry.wasted_s),
    ]
