"""`forerun bench similarity`: the similarity of guessed and true plans, cold and as outcomes arrive.

Step F1 and edge F1 are means over tasks of the F1 of multisets of tool names and of ordered pairs of them; an empty
guess scores zero. Training and test sets are the given files, or are separated by a hash of the record's id.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from pydantic import DirectoryPath, FilePath
from threadpoolctl import threadpool_limits

from benchmarks.datasets import PlanRecord, UnusableFile, document, lines
from benchmarks.progress import tracked
from learner.predictor import PlanExample, ToolText, TrainedPlanPredictor
from learner.predictor.calibration import expected_calibration_error
from learner.predictor.example import edge_names
from planners.similarity import multiset_f1
from planners.speculative.predictor import GuessedPlan

STAGES = (0, 100, 500, None)  # outcomes learned from; None: all
TASKBENCH = "taskbench_"
PlanSet = Literal[
    "ultratool",
    "nestful",
    "tmdb",
    "worfbench",
    "taskbench_huggingface",
    "taskbench_multimedia",
    "taskbench_dailylifeapis",
]
SETS: tuple[PlanSet, ...] = get_args(PlanSet)
_TEST_SHARE = 5  # one in five, if no test file is given


def run(  # noqa: PLR0913 - the options of the command
    train: FilePath | None = None,
    test: FilePath | None = None,
    catalog: FilePath | None = None,
    *,
    data: DirectoryPath | None = None,
    seed: int = 0,
    sets: Sequence[PlanSet] = SETS,
) -> dict[str, Any]:
    """Figures per plan set and stage.

    With ``train`` (and ``test`` and ``catalog``), one set named "given"; otherwise the ``sets`` in ``data``. Without
    ``test``, a fifth of the records is held out by a hash of their id. TaskBench has few gold plans: they are the test
    set, and the training set are plans that two LLMs wrote for other requests.
    """
    # One core, as documented; BLAS would use all cores and wait where they are busy.
    with threadpool_limits(limits=1):
        if train is not None:
            records = lines(train, PlanRecord)
            learned, held_out = (records, lines(test, PlanRecord)) if test is not None else _split(records)
            return {"given": _stages(learned, held_out, _catalog(catalog) if catalog else [], seed)}
        if data is None:
            raise UnusableFile("no plans to learn from", "", "give --train, or --data (FORERUN_DATA)")
        figures = {name: _public(data, name, seed) for name in tracked(sets, "plan sets")}
        return {name: stages for name, stages in figures.items() if stages}


def plot(figures: dict[str, Any], path: Path) -> None:
    """Plot similarity against outcomes learned from, one line per plan set, with reference values of other methods."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    figure, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    for name, stages in figures.items():
        points = [(stage["outcomes"], stage["similarity"]) for stage in stages.values()]
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.axhline(0.59, color="grey", linestyle=":", label="nearest neighbour (UltraTool)")
    axes.axhline(0.70, color="grey", linestyle="--", label="ranked templates and beams (UltraTool)")
    axes.set(xscale="symlog", xlabel="outcomes learned from", ylabel="similarity on unseen requests", ylim=(0, 1))
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _public(data: Path, name: str, seed: int) -> dict[str, Any]:
    """The figures of one set; empty if the folder does not contain it."""
    if name.startswith(TASKBENCH):
        return _domain(data / "taskbench", name.removeprefix(TASKBENCH), seed)
    records, listed = data / "plans" / f"{name}.jsonl.gz", data / "plans" / f"tools_{name}.json"
    if not records.is_file():
        return {}
    learned, held_out = _split(lines(records, PlanRecord))
    tools = _catalog(listed) if listed.is_file() else _available([*learned, *held_out])
    return _stages(learned, held_out, tools, seed)


def _domain(folder: Path, domain: str, seed: int) -> dict[str, Any]:
    """TaskBench: cold, and learned from usable LLM plans; ``left_out`` counts the others."""
    gold = folder / f"gold_sample_{domain}.jsonl.gz"
    if not gold.is_file():
        return {}
    held_out, catalog = lines(gold, PlanRecord), _catalog(folder / f"tools_{domain}.json")
    requests = {r["id"]: r["request"] for r in lines(folder / f"requests_{domain}.jsonl.gz")}
    tested, known = {r.id for r in held_out}, {tool.name for tool in catalog}
    written = [r for path in sorted(folder.glob(f"pred_{domain}_*.jsonl.gz")) for r in lines(path)]
    learned = [
        PlanRecord(request=requests[r["id"]], tools=r["tools"], deps=deps)
        for r in written
        if r["id"] in requests and r["id"] not in tested and (deps := _deps(r["tools"], r["links"], known)) is not None
    ]
    stages = _stages(learned, held_out, catalog, seed)
    source = {"learned_from": "plans by LLMs", "left_out": len(written) - len(learned)}
    return {name: stage | source for name, stage in stages.items()}


def _deps(tools: list[Any], links: list[Any], known: set[str]) -> list[Any] | None:
    """Convert links by name to pairs of indices; None if a plan has unknown or repeated tools or invalid links."""
    if not tools or not all(isinstance(tool, str) and tool in known for tool in tools) or len(set(tools)) < len(tools):
        return None
    number = {tool: index for index, tool in enumerate(tools)}
    ends = [[number.get(str(end)) for end in link] if isinstance(link, list) else [] for link in links]
    if any(len(pair) != 2 or None in pair for pair in ends):
        return None
    return sorted({(parent, child) for parent, child in ends})


def _stages(
    learned: list[PlanRecord], held_out: list[PlanRecord], catalog: list[ToolText], seed: int
) -> dict[str, Any]:
    examples = [record.example() for record in learned]
    # Files may be grouped by subject; shuffle, so that the first hundred outcomes are representative.
    order = np.random.default_rng(seed).permutation(len(examples))
    examples = [examples[index] for index in order.tolist()]
    truth = [record.example() for record in held_out]
    out = {}
    for stage in STAGES:
        if stage is not None and stage > len(examples):
            continue
        used = examples[:stage]
        started = time.perf_counter()
        predictor = TrainedPlanPredictor.fit(used, catalog, seed=seed)
        fit_s = time.perf_counter() - started
        name = {0: "cold", None: "all"}.get(stage, f"after_{stage}")
        out[name] = {"outcomes": len(used), "tasks": len(truth), "fit_s": round(fit_s, 2)} | _figures(predictor, truth)
    return out


def _figures(predictor: TrainedPlanPredictor, truth: list[PlanExample]) -> dict[str, float]:
    scores: list[tuple[float, float, float]] = []
    probabilities: list[float] = []
    hits: list[bool] = []
    milliseconds: list[float] = []
    for example in truth:
        started = time.perf_counter()
        guesses = predictor.predict(example.request)
        milliseconds.append((time.perf_counter() - started) * 1e3)
        scores.append(_scored(guesses, example))
        for guess in guesses[:1]:
            probabilities += guess.step_probability
            hits += _survivals(guess.steps, example.steps)
    step_f1, edge_f1, exact = np.mean(scores, axis=0).tolist() if scores else (0.0, 0.0, 0.0)
    return {
        "step_f1": step_f1,
        "edge_f1": edge_f1,
        "similarity": (step_f1 + edge_f1) / 2,
        "exact": exact,
        "ece": expected_calibration_error(np.array(probabilities), np.array(hits, dtype=float)),
        "predict_ms_p50": float(np.median(milliseconds)) if milliseconds else 0.0,
        "predict_ms_p95": float(np.percentile(milliseconds, 95)) if milliseconds else 0.0,
    }


def _scored(guesses: list[GuessedPlan], truth: PlanExample) -> tuple[float, float, float]:
    """Step F1, edge F1 and exactness of the first guess; no guess scores zero even if the true plan has no edges."""
    if not guesses:
        return 0.0, 0.0, 0.0
    edges = edge_names(guesses[0].steps, guesses[0].edges)
    true_edges = edge_names(truth.steps, truth.edges)
    exact = Counter(guesses[0].steps) == Counter(truth.steps) and Counter(edges) == Counter(true_edges)
    return multiset_f1(guesses[0].steps, truth.steps), multiset_f1(edges, true_edges), float(exact)


def _survivals(steps: tuple[str, ...], truth: tuple[str, ...]) -> list[bool]:
    """Per guessed step, whether the true plan has an unmatched step of that name."""
    left = Counter(truth)
    out = []
    for step in steps:
        out.append(left[step] > 0)
        left[step] -= 1
    return out


def _split(records: list[PlanRecord]) -> tuple[list[PlanRecord], list[PlanRecord]]:
    held_out = [int(hashlib.sha256(str(r.id).encode()).hexdigest(), 16) % _TEST_SHARE == 0 for r in records]
    parts: tuple[list[PlanRecord], list[PlanRecord]] = ([], [])
    for record, is_test in zip(records, held_out, strict=True):
        parts[is_test].append(record)
    return parts


def _catalog(path: Path) -> list[ToolText]:
    """Read a list of tools, or lists by domain; a tool is ``{id, desc}``, optionally with input and output types."""
    listed = document(path)
    tools = [tool for part in listed.values() for tool in part] if isinstance(listed, dict) else listed
    return list({tool["id"]: _tool(tool) for tool in tools}.values())


def _tool(tool: dict[str, Any]) -> ToolText:
    takes, gives = tool.get("input-type", ()), tool.get("output-type", ())
    return ToolText(tool["id"], tool.get("desc") or "", tuple(takes), tuple(gives))


def _available(records: list[PlanRecord]) -> list[ToolText]:
    """The tools that the records list as available, by name only."""
    return [ToolText(name, "") for name in dict.fromkeys(name for r in records for name in r.available)]
