"""Recorded plan sets: what is learned from, what is tested on, and the catalog of each."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets import PlanRecord, document, lines
from benchmarks.plan_repeats import InconsistentPlanner, by_two_llms, with_noise
from learner.predictor import PlanExample, ToolText

TASKBENCH = "taskbench_"
REPEATS = "repeats_"
LLMS = "llms_"
REPEATED_REQUESTS = 60
_FOLDS = 5  # one in five is tested on
_SMALL = 300  # records below which each fifth is tested on in turn, with the others learned from


@dataclass(frozen=True)
class PlanSet:
    """Examples to learn from and to test on, with the catalog. ``notes`` are added to the figures."""

    learned: Sequence[PlanExample]
    tested: Sequence[PlanExample]
    catalog: Sequence[ToolText]
    notes: dict[str, Any]


def split(records: Sequence[PlanRecord], catalog: Sequence[ToolText], seed: int) -> list[PlanSet]:
    """Separated by a hash of the record's id; of a small set all five ways, because a fifth of it says little."""
    fold = [_fold(r.id) for r in records]
    examples = [record.example() for record in records]
    return [
        PlanSet(
            shuffled([example for example, at in zip(examples, fold, strict=True) if at != number], seed),
            [example for example, at in zip(examples, fold, strict=True) if at == number],
            catalog,
            {},
        )
        for number in (range(_FOLDS) if len(records) < _SMALL else (0,))
    ]


def _fold(record: str | int) -> int:
    return int(hashlib.sha256(str(record).encode()).hexdigest(), 16) % _FOLDS


def shuffled(examples: Sequence[PlanExample], seed: int) -> list[PlanExample]:
    """Files may be grouped by subject; shuffled, the first hundred outcomes are representative."""
    return [examples[at] for at in np.random.default_rng(seed).permutation(len(examples)).tolist()]


def recorded(data: Path, name: str, seed: int) -> list[PlanSet]:
    """The set in a folder; empty if the folder does not contain it."""
    if name.startswith(LLMS):
        return _taskbench_llms(data / "taskbench", name.removeprefix(LLMS + TASKBENCH), seed)
    if name.startswith(TASKBENCH):
        return _taskbench(data / "taskbench", name.removeprefix(TASKBENCH), seed)
    file, listed = data / "plans" / f"{name}.jsonl.gz", data / "plans" / f"tools_{name}.json"
    if not file.is_file():
        return []
    records = lines(file, PlanRecord)
    return split(records, catalog_of(listed) if listed.is_file() else _available(records), seed)


def repeating(data: Path, name: str, seed: int) -> tuple[InconsistentPlanner, list[ToolText]] | None:
    """Requests that repeat (`benchmarks.plan_repeats`) and the catalog; None if the folder does not contain them."""
    source = name.removeprefix(REPEATS)
    if source == "noise":
        file, listed = data / "plans" / "ultratool.jsonl.gz", data / "plans" / "tools_ultratool.json"
        if not file.is_file():
            return None
        catalog = catalog_of(listed)
        return with_noise(lines(file, PlanRecord), [t.name for t in catalog], REPEATED_REQUESTS, seed), catalog
    folder, domain = data / "taskbench", source.removeprefix(TASKBENCH)
    if not (folder / f"requests_{domain}.jsonl.gz").is_file():
        return None
    catalog = catalog_of(folder / f"tools_{domain}.json")
    written = defaultdict[str, list[PlanExample]](list)
    for request, example in _by_llms(folder, domain, catalog):
        if example is not None:
            written[str(request)].append(example)
    return by_two_llms(written), catalog


def _taskbench(folder: Path, domain: str, seed: int) -> list[PlanSet]:
    """Learned from usable LLM plans, tested on gold plans; ``left_out`` counts the unusable ones."""
    gold = folder / f"gold_sample_{domain}.jsonl.gz"
    if not gold.is_file():
        return []
    held_out, catalog = lines(gold, PlanRecord), catalog_of(folder / f"tools_{domain}.json")
    tested = {record.id for record in held_out}
    written = list(_by_llms(folder, domain, catalog))
    learned = [example for request, example in written if example is not None and request not in tested]
    notes = {"learned_from": "plans by LLMs", "left_out": len(written) - len(learned)}
    return [PlanSet(shuffled(learned, seed), [record.example() for record in held_out], catalog, notes)]


def _taskbench_llms(folder: Path, domain: str, seed: int) -> list[PlanSet]:
    """Learned from usable LLM plans, and tested on those of the same LLMs for other requests."""
    if not (folder / f"requests_{domain}.jsonl.gz").is_file():
        return []
    catalog = catalog_of(folder / f"tools_{domain}.json")
    written = list(_by_llms(folder, domain, catalog))
    usable = [(_fold(request), example) for request, example in written if example is not None]
    notes = {"learned_from": "plans by LLMs", "left_out": len(written) - len(usable)}
    learned = [example for fold, example in usable if fold]
    return [PlanSet(shuffled(learned, seed), [example for fold, example in usable if not fold], catalog, notes)]


def _by_llms(folder: Path, domain: str, catalog: Sequence[ToolText]) -> Iterator[tuple[str | int, PlanExample | None]]:
    """The plans that LLMs wrote, with the ids of their requests; None for an unusable one."""
    known, requests = {tool.name for tool in catalog}, lines(folder / f"requests_{domain}.jsonl.gz")
    text = {record["id"]: record["request"] for record in requests}
    for path in sorted(folder.glob(f"pred_{domain}_*.jsonl.gz")):
        for record in lines(path):
            deps = _deps(record["tools"], record["links"], known)
            usable = deps is not None and record["id"] in text
            steps = tuple(record["tools"]) if usable else ()
            yield record["id"], PlanExample(text[record["id"]], steps, tuple(deps or ())) if usable else None


def _deps(tools: list[Any], links: list[Any], known: set[str]) -> list[Any] | None:
    """Convert links by name to pairs of indices; None if a plan has unknown or repeated tools or invalid links."""
    if not tools or not all(isinstance(tool, str) and tool in known for tool in tools) or len(set(tools)) < len(tools):
        return None
    number = {tool: index for index, tool in enumerate(tools)}
    ends = [[number.get(str(end)) for end in link] if isinstance(link, list) else [] for link in links]
    if any(len(pair) != 2 or None in pair for pair in ends):
        return None
    return sorted({(parent, child) for parent, child in ends})


def catalog_of(path: Path) -> list[ToolText]:
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
