"""The READMEs' tables are made of what the benchmarks wrote, and of nothing else."""

import json
from pathlib import Path

import pytest

from benchmarks import BENCHMARKS
from benchmarks.markdown import number, table
from benchmarks.tables import PAGES, UNMEASURED, filled, main, read

_ROOT = Path(__file__).parents[3]
_MODE = {"t_s_p50": 1.0, "t_s_p95": 2.0, "t_s_mean": 1.5, "share_of_attainable": 0.5, "share_interval": [0.42, 0.58]}
_WORKLOAD = {
    "requests": 24,
    "wait": {"t_s_p50": 2.0, "t_s_p95": 3.0, "t_s_mean": 3.0},
    "forerun": _MODE,
    "oracle": {"t_s_p50": 0.5, "t_s_p95": 0.6, "t_s_mean": 0.5},
    "share_of_attainable": 0.61,
    "waste": 0.07,
    "waste_usd": 0.08,
    "planning_share": 0.4,
    "slower_than_wait": -0.5,
    "faster_than_streamed": 1.4,
    "guesses": 10,
    "rates": {"commit": 0.7, "salvage": 0.2, "flush": 0.1},
}
_QUANTILES = {"p50": 5.0, "p95": 9.0, "p99": 14.0}
_LATENCIES = dict.fromkeys(("admission_ms", "first_dispatch_ms", "completion_ms"), _QUANTILES)
_GUESSED = {"exact": 0.34, "similarity": 0.51}
_LIVED = {"tasks": 25, "similarity": 0.71, "share_of_attainable": 0.6, "waste": 0.1, "dispatched": 0.5, "throttle": 0.9}
_LEFT = {"reconciler_bytes": 100, "processes": 7, "object_store_bytes": 0}
_PLANNED = {
    "cases": 16,
    "objective_ratio": 0.88,
    "placement_regret": 0.01,
    "placement_regret_max": 0.06,
    "gap_p50": 0.002,
    "plan_s_p50": 0.75,
    "speculative_plan_ms_p50": 22.4,
    "speedup": 61.0,
    "same_placements": 0.8,
    "violations": 0,
}
_BESIDE_RAY = {
    "ms": {"forerun": 1.2, "bare": 1.0},
    "cpu_ms": {"forerun": 2.6, "bare": 2.0},
    "over_bare": {"ms": 1.2, "cpu_ms": 1.3},
}
RESULTS = {
    "headstart": {
        "planner": "scripted LLM (a stand-in)",
        "first_dispatch_ms_p50": 9.87,
        "first_dispatch_ms_p95": 20.0,
        "optimal_plan_ms_p50": 5123.0,
        "submissions": 50,
        "declared": {"first_dispatch_ms_p50": 8.0, "first_dispatch_ms_p95": 12.0, "optimal_plan_ms_p50": 80.0},
    },
    "fanout": {
        "critical_path_s": 0.6,
        "run_s": 0.61,
        "http_s": 0.64,
        "serial_s": 2.7,
        "run_over_critical_path": 0.0167,
        "http_over_critical_path": 0.0667,
        "speedup": 4.22,
        "runs": 20,
    },
    "burst": {
        "tasks": 1000,
        "errors": 0,
        "seconds": 10.0,
        "tasks_per_s": 100.0,
        "steps_per_s": 500.0,
        "memory_growth": 0.05,
        "before": _LEFT,
        "after": _LEFT,
    },
    "speculation": {"planner": "scripted LLM", "scale": 0.25, "size": 24, "past_plans": 10, "warm": _WORKLOAD},
    "similarity": {
        "ultratool": {
            "all": {
                "outcomes": 4000,
                "tasks": 1000,
                "fit_s": 30.0,
                "step_f1": 0.83,
                "edge_f1": 0.57,
                "similarity": 0.7,
                "exact": 0.44,
                "ece": 0.03,
                "ece_by_chance": 0.02,
                "over_cold": 0.42,
                "over_cold_error": 0.018,
                "predict_ms_p50": 4.2,
                "simple": dict.fromkeys(("constant", "last", "commonest", "nearest"), _GUESSED),
                "self_consistency": 0.58,
                "given": {
                    "1": {"tasks": 1000, "unrevised": 0.73, "similarity": 0.78},
                    "all": {"continue_ms_p50": 1.9, "given_up": 200, "given_up_rightly": 0.93},
                },
            }
        }
    },
    "routes": {
        "0.9": {
            "tasks": 300,
            "wait_s": 6.5,
            "forerun_s": 4.5,
            "oracle_s": 4.3,
            "share_of_attainable": 0.897,
            "waste": 0.03,
            "tasks_with_guesses": 0.99,
        }
    },
    "federated": {
        "rounds": 30,
        "clients": 20,
        "central": 0.971,
        "variants": {
            "quorum": {
                "accuracy": 0.947,
                "sent_bytes": 348_960,
                "dense_bytes": 4_627_200,
                "answered": 16,
                "seconds": 6.0,
            }
        },
    },
    "textbook": {
        "a straggler": {
            "seconds": 6.0,
            "share_of_critical_path": 0.33,
            "usd": 0.013,
            "wasted_usd": 0.0,
            "lost_results": 0,
        }
    },
    "drift": {
        "outcomes_to_recover": 110,
        "outcomes_to_stay": None,
        "steady_similarity": 0.6,
        "similarity_after_switch": [],
        "before": _LIVED,
        "just_after": _LIVED,
        "at_the_end": _LIVED,
        "alarms": 2,
        "waste_over_time": [],
    },
    "planner": {
        "summary": {"makespan": _PLANNED, "limited": _PLANNED, "every": _PLANNED},
        "targets": {
            "never_worse": {"target": True, "reached": True, "met": True},
            "speedup": {"target": 50.0, "reached": 31.0, "met": False},
        },
    },
    "learning": {
        "windows": [{"outcomes": 0, **_LIVED}],
        "total": _LIVED,
        "verdicts": 700,
        "ece": None,
        "brier": 0.2,
        "regret_usd": {"oracle": 1.0, "always": -0.5, "never": -2.0},
        "train_s": 60.0,
    },
    "callbacks": {
        "chain": {"callbacks": 900, "p999_ms": 2.5, "longest": ["6.1 <coroutine>"], "latency_ms": [4.0, 9.0]},
    },
    "kernel": {"sizes": [100], "us_per_event": {"wide": [41.9]}, "plan_us_per_step": {"wide": [38.2]}},
    "peers": {
        "tasks": 500,
        "fan": 1000,
        "naps": 5000,
        "rounds": 3,
        "left_out": {},
        "peers": {
            "ray_actor": {
                "title": "Ray, async actor",
                "durable": False,
                "chains": {"seconds": 2.0, "tasks_per_s": 250.0, "steps_per_s": 1250.0, "cpu_ms_per_task": 6.0},
                "fan": {"seconds": 0.8, "steps_per_s": 1250.0, "cpu_ms_per_step": 1.1},
                "naps": {"seconds": 2.5},
            }
        },
    },
    "many": {
        "short_chain_ms": 21.0,
        "chain_ms_per_step": 1.4,
        "fan_ms_per_step": 0.71,
        "naps": [{"agents": 5000, "seconds": 3.1}],
        "ten_tasks": {"agents": 5000, "seconds": 3.2},
        "bytes_per_attempt": {"shard": 3100.0, "host": 2900.0},
    },
    "rate": {
        "ingress": "direct",
        "capacity_tasks_per_s": 90.0,
        "failed": 0,
        "idle": {"tasks": 200, **_LATENCIES},
        "levels": [{"load": 0.5, "offered_per_s": 45.0, "tasks": 900, **_LATENCIES}],
    },
    "startup": {
        "rounds": 5,
        "ready_s": {"direct": 4.2, "serve": 7.1, "bare": 6.2},
        "cpu_s": {"direct": 6.5, "serve": 9.0, "bare": 6.1},
        "over_bare": 1.14,
    },
    "sync": {
        "rounds": 5,
        "fan": {"steps": 500, **_BESIDE_RAY},
        "chain": {"steps": 100, **_BESIDE_RAY},
        "killed_ms": {"p50": 13.8, "most": 45.0},
    },
    "logs": {
        "workloads": {
            "quiet": {"tasks": 100, "cpu_ms_per_task": {"without": 50.0, "with capture": 51.0}, "overhead": 0.021}
        }
    },
}
PAGE = "\n".join(f"# {name}\n<!-- {name} -->\n<!-- /{name} -->\n" for name in (*BENCHMARKS, "results"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, results in RESULTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    return tmp_path


def section(text: str, name: str) -> str:
    return text.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0].strip()


def test_every_benchmark_has_its_table():
    text = filled(PAGE, RESULTS, "two cores")

    assert UNMEASURED not in text
    for name in BENCHMARKS:
        columns, rule, *rows = [line for line in section(text, name).splitlines() if line.startswith("|")]
        assert columns.count("|") == rule.count("|") == rows[0].count("|")


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("headstart", "9.9 ms"),
        ("fanout", "0.640 s (+6.7 %)"),
        ("burst", "| errors | 0 |"),
        ("speculation", "61.0 %"),
        ("similarity", "| ultratool | 0.34 (0.51) | 0.34 (0.51) | 0.34 (0.51) | 0.34 (0.51) | 0.44 (0.7) | 0.58 |"),
        ("similarity", "| ultratool | 1 | 1000 | 0.73 | 0.78 |"),
        ("similarity", "gave up 200 steps of first guesses as unlikely; 93.0 % of them rightly"),
        ("similarity", "| 4000 | 1000 | 0.83 | 0.57 | 0.7 | 0.44 | 0.03 | 0.02 | +0.420 ± 0.018 | 4.2 ms |"),
        ("drift", "after 110 outcomes, for good after more outcomes than were measured"),
        ("planner", "| speedup | 50.0 | 31 | no |"),
        ("learning", "ECE unknown"),
        ("kernel", "| wide | 42 us | 38 us |"),
        ("many", "| memory of an attempt that waits, host | 2.9 kB |"),
        ("rate", "| 50 % | 45 | 900 | 5.0 ms / 9.0 ms / 14.0 ms |"),
        ("startup", "| Forerun, direct | 4.200 s | 6.500 s |"),
        ("startup", "takes 1.14x as long as the bare application"),
        ("sync", "| chain of 100 | 1.2 ms | 1 ms | 1.20x | 2.6 ms | 2 ms | 1.30x |"),
        ("sync", "Attempts were killed 13.8 ms (median) and 45.0 ms (most) after the request."),
        ("peers", "| Ray, async actor | no | 250 | 1250 | 6 | 1250 | 1.1 | 2.500 s |"),
    ],
)
def test_the_figures_are_those_of_the_json(name, figure):
    assert figure in section(filled(PAGE, RESULTS, "two cores"), name)


def test_rounds_of_several_seeds_are_told_with_those_that_never_recovered():
    back = {"each": [110, 90, 130], "median": 110, "worst": 130}
    drift = {
        **RESULTS["drift"],
        "over_seeds": {"outcomes_to_recover": back, "outcomes_to_stay": back | {"worst": None}},
    }

    told = section(filled(PAGE, {"drift": drift}, "two cores"), "drift")

    assert "Over 3 seeds: 110, 90, 130; median 110, worst 130; for good: median 110, worst never." in told


def test_the_headline_names_workload_baseline_command_and_machine():
    told = section(filled(PAGE, RESULTS, "two cores"), "results")

    assert "**2.00x** as fast as waiting, 1.40x as fast as streaming the plan" in told
    assert "**61.0 %** of what an oracle would save, waste 7.0 %" in told
    assert "`forerun bench speculation`" in told
    assert "Measured on: two cores." in told


def test_what_was_not_measured_says_so_and_what_was_measured_before_stays():
    once = filled(PAGE, {"burst": RESULTS["burst"]}, "two cores")

    again = filled(once, {}, "another machine")

    assert section(once, "fanout") == UNMEASURED
    assert section(again, "burst") == section(once, "burst") != UNMEASURED
    assert section(again, "results") == section(once, "results")


def test_filling_twice_changes_nothing():
    once = filled(PAGE, RESULTS, "two cores")

    assert filled(once, RESULTS, "two cores") == once


def test_a_marker_that_is_not_closed_is_an_error():
    with pytest.raises(ValueError, match="fanout"):
        filled("<!-- fanout -->", RESULTS, "two cores")


def test_the_command_rewrites_the_pages(folder, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(PAGE)

    assert main([str(folder), "--machine", "two cores", "--page", str(page)]) == 0

    assert page.read_text() == filled(PAGE, RESULTS, "two cores")
    assert "headstart" in capsys.readouterr().out
    assert read(folder) == RESULTS


def test_a_folder_without_results_is_refused_and_changes_nothing(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)

    assert main([str(tmp_path), "--page", str(page)]) == 2
    assert page.read_text() == PAGE


def test_the_pages_of_the_repository_have_a_place_for_every_benchmark():
    benchmarks, readme = ((_ROOT / page).read_text(encoding="utf-8") for page in PAGES)

    assert [name for name in BENCHMARKS if f"<!-- /{name} -->" not in benchmarks] == []
    assert "<!-- /results -->" in readme


def test_columns_of_figures_are_aligned_to_the_right():
    assert table(["a", "b", "c"], [["1", "2 s", "x"], ["3", "+4 %", "y"]]).splitlines()[1] == "| --- | ---: | --- |"


@pytest.mark.parametrize(("value", "told"), [(0.12345, "0.123"), (12345.6, "12346"), (-0.5, "-0.5"), (0, "0")])
def test_numbers_have_the_digits_that_mean_something(value, told):
    assert number(value) == told
