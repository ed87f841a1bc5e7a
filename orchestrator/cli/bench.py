"""Commands of the repository: benchmarks, whose `run` parameters become options, and the demo."""

import importlib
import inspect
import json
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, UnionType
from typing import Annotated, Any

import typer
from pydantic import ValidationError, validate_call

from orchestrator.cli.exit_codes import refuse, reported
from orchestrator.cli.output import console, print_json, table
from orchestrator.errors import InvalidRequest
from planners.errors import InvalidTask
from planners.validation.suggestions import nearest

_PLAIN = (str, int, float, bool, Path)
_DATA = typer.Option(envvar="FORERUN_DATA", help="Folder of the recorded workloads.")


# Options after the name belong to the demo or the benchmark.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@reported
def demo(context: typer.Context) -> None:
    """Rank molecules by HOMO-LUMO gap and compare runs with and without speculation."""
    raise typer.Exit(int(imported("examples.molecules.demo").main(context.args) or 0))


@reported
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the benchmark. It takes further options of its own.")] = "",
    to: Annotated[Path, typer.Option(help="Folder for the JSON and the plot.")] = Path("bench-results"),
) -> None:
    """Run a benchmark, print its JSON, and save it with a plot."""
    known = imported("benchmarks").BENCHMARKS
    if name in {"--help", "-h"}:
        _print_help(known)
        return
    if name not in known:
        refuse(f"there is no benchmark '{name}'" if name else "name a benchmark", nearest(name, known))
    module = imported(f"benchmarks.{name}")
    options = options_of(module.run)
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command(help=inspect.getdoc(module) or "")(_typed(module.run, options))
    results = typer.main.get_command(command).main(
        args=_spread(context.args, options), prog_name=f"forerun bench {name}", standalone_mode=False
    )
    if not isinstance(results, Mapping):
        raise typer.Exit(int(results or 0))  # --help was asked for
    to.mkdir(parents=True, exist_ok=True)
    (to / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print_json(dict(results))
    if hasattr(module, "plot"):
        _plot(module, results, to / f"{name}.png")


def _print_help(known: Iterable[str]) -> None:
    console.print(
        "Usage: forerun bench NAME [OPTIONS] [--to FOLDER]\n\nRun a benchmark, print its JSON, and save it with a plot."
    )
    rows = [[name, (inspect.getdoc(imported(f"benchmarks.{name}")) or "").partition("\n")[0]] for name in known]
    console.print(table(["benchmark", "measures"], rows), "\nforerun bench NAME --help shows the options of one.")


def options_of(run: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters that become options: plain values, paths, and lists of them."""
    hints = typing.get_type_hints(run)
    found = {}
    for name, parameter in inspect.signature(run).parameters.items():
        kind = _option_type(hints.get(name, str))
        if kind is not None:
            default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
            annotation = Annotated[kind, _DATA] if name == "data" else Annotated[kind, typer.Option()]
            found[name] = inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
    return found


def _option_type(hint: Any) -> Any | None:
    """The type as typer knows it, or None if the parameter cannot be an option."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN:
        return hint
    if origin is typing.Literal:
        return str  # the allowed values are checked when the benchmark runs
    if origin in (UnionType, typing.Union):
        inner = [argument for argument in arguments if argument is not type(None)]
        return hint if len(inner) == 1 and inner[0] in _PLAIN else None
    if origin in (list, tuple, Sequence, Iterable) and (element := _option_type(arguments[0])) is not None:
        return list[element]  # type: ignore[valid-type] # built for typer, which reads it at run time
    return None


def _typed(run: Callable[..., Any], options: Mapping[str, inspect.Parameter]) -> Callable[..., Any]:
    checked = validate_call(run)

    def command(**given: Any) -> Any:
        try:
            return checked(**given)
        except ValidationError as error:
            raise _invalid(error) from None

    command.__signature__ = inspect.Signature(list(options.values()))  # type: ignore[attr-defined] # read by typer
    command.__annotations__ = {name: parameter.annotation for name, parameter in options.items()}
    return command


def _invalid(error: ValidationError) -> InvalidRequest:
    """All errors, by option as typed on the command line."""
    return InvalidRequest(
        [
            InvalidTask(f"{flaw['msg']}, not {flaw['input']}", f"--{str(flaw['loc'][0]).replace('_', '-')}")
            for flaw in error.errors(include_url=False)
        ]
    )


def _spread(arguments: Sequence[str], options: Mapping[str, inspect.Parameter]) -> list[str]:
    """Turn ``--files a b`` into ``--files a --files b`` if the option takes a list."""
    lists = {
        f"--{name.replace('_', '-')}" for name, parameter in options.items() if isinstance(parameter.default, list)
    }
    spread: list[str] = []
    flag = ""
    for argument in arguments:
        if argument.startswith("--"):
            flag = argument if argument in lists else ""
            spread += [] if flag else [argument]
        else:
            spread += [flag, argument] if flag else [argument]
    return spread


def _plot(module: ModuleType, results: object, to: Path) -> None:
    try:
        module.plot(results, to)
    except ImportError as error:
        console.print(f"no plot: {error}; pip install 'forerun[plot]'", soft_wrap=True)


def imported(name: str) -> Any:
    """A module of the repository.

    Raises:
        typer.Exit: the module, or something that it imports, is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and name.startswith(error.name):
            refuse(f"{name} is not installed", "run this command from a checkout of the repository")
        refuse(f"{name} needs the package {error.name}", "install the extras: pip install 'forerun[chem,plot,bench]'")
