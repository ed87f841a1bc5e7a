"""What a learner has learned, as the page shows it."""

from typing import Any

LEARNED: dict[str, Any] = {
    "enabled": True,
    "outcomes": 1243,
    "version": 7,
    "problems": [],
    "kinds": {
        "briefing": {"throttle": 1.0, "closed": False, "drifting": False, "plan_p50_s": 2.4, "plan_p90_s": 4.1},
        "campaign": {"throttle": 0.6, "closed": False, "drifting": True, "plan_p50_s": 4.9, "plan_p90_s": 7.0},
    },
    "ledger": {
        "total": {
            "decisions": 812,
            "dispatched": 655,
            "survived": 590,
            "realised_s": 1210.5,
            "wasted_s": 80.2,
            "wasted_usd": 0.31,
            "waste": 0.061,
            "worth_usd": {"gate": 1.12, "oracle": 1.31, "always": 0.87, "never": 0.0},
            "regret_usd": {"oracle": 0.19, "always": -0.25, "never": -1.12},
            "calibration": {
                "count": 812,
                "brier": 0.081,
                "ece": 0.034,
                "bins": [
                    {
                        "low": n / 10,
                        "high": (n + 1) / 10,
                        "count": 12 + 9 * n * n,
                        "claimed": n / 10 + 0.05,
                        "observed": min(1.0, n / 10 + 0.02 + 0.03 * (n % 3)),
                    }
                    for n in range(10)
                ],
            },
        },
        "by_kind": {},
        "entries": [
            {
                "task": f"t{n:012x}-{n:016x}",
                "step": f"read[{n}]",
                "agent": "reader",
                "probability": 0.5 + n / 40,
                "saved_s": 1.1 * n,
                "cost_usd": 0.0012,
                "dispatched": n % 4 != 3,
                "verdict": "flush" if n % 5 == 2 else "commit",
                "realised_s": 0.0 if n % 5 == 2 else 1.3,
                "wasted_s": 0.9 if n % 5 == 2 else 0.0,
            }
            for n in range(12)
        ],
    },
}
