"""The tables of the similarity benchmark."""

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import milliseconds, number, share, table

Results = Mapping[str, Any]


def similarity_table(figures: Results) -> str:
    """One row per plan set and number of outcomes, then what simpler guessers reach, and guesses at the rest."""
    keys = ("step_f1", "edge_f1", "similarity", "exact", "ece", "ece_by_chance")
    rows = [
        [
            name,
            str(of["outcomes"]),
            str(of["tasks"]),
            *(number(of[key]) for key in keys),
            _over_cold(of),
            milliseconds(of["predict_ms_p50"]),
        ]
        for name, stages in figures.items()
        for of in stages.values()
    ]
    columns = ["plan set", "learned from", "tested on", "step F1", "edge F1", "similarity", "exact", "ECE", "by chance"]
    parts = [
        table([*columns, "over cold", "predict, median"], rows),
        _simple_guessers(figures),
        _given_steps(figures),
        _given_up(figures),
    ]
    return "\n\n".join(part for part in parts if part)


def _over_cold(of: Results) -> str:
    """Mean paired difference from cold guesses, and its standard error; empty before anything was learned."""
    return f"{of['over_cold']:+.3f} ± {of['over_cold_error']:.3f}" if of["outcomes"] else ""


def _simple_guessers(figures: Results) -> str:
    """Exact rates of simpler guessers beside Forerun's, after all outcomes of each set."""
    last = {name: list(stages.values())[-1] for name, stages in figures.items()}
    names = ("constant", "last", "commonest", "nearest")
    rows = [
        [
            name,
            *(
                f"{number(of['simple'][simple]['exact'])} ({number(of['simple'][simple]['similarity'])})"
                for simple in names
            ),
            f"{number(of['exact'])} ({number(of['similarity'])})",
            number(of["self_consistency"]) if "self_consistency" in of else "",
        ]
        for name, of in last.items()
        if of.get("simple")
    ]
    columns = ["exact (similarity)", "constant", "last of the request", "commonest of the request", "nearest request"]
    return table([*columns, "Forerun", "self-consistency"], rows) if rows else ""


def _given_steps(figures: Results) -> str:
    """Similarity of the rest given the first steps, and of the rest of the guess made before they were known."""
    last = {name: list(stages.values())[-1].get("given", {}) for name, stages in figures.items()}
    rows = [
        [name, known, str(of[known]["tasks"]), number(of[known]["unrevised"]), number(of[known]["similarity"])]
        for name, of in last.items()
        for known in ("0", "1", "2", "half")
        if known in of
    ]
    columns = ["plan set", "known steps", "tested on", "rest of the first guess", "rest, guessed again"]
    return table(columns, rows) if rows else ""


def _given_up(figures: Results) -> str:
    """Works of first guesses that guesses made again called unlikely, and how many of them rightly."""
    last = [list(stages.values())[-1].get("given", {}).get("all", {}) for stages in figures.values()]
    works = sum(of.get("given_up", 0) for of in last)
    if not works:
        return ""
    rightly = sum(of["given_up"] * of["given_up_rightly"] for of in last if of.get("given_up")) / works
    return f"Guesses made again gave up {works} steps of first guesses as unlikely; {share(rightly)} of them rightly."
