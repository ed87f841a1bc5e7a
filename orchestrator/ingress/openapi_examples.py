"""Example tasks for the OpenAPI document."""

from fastapi.openapi.models import Example

TASKS: dict[str, Example] = {
    "fan-out": {
        "summary": "The same steps for every element of a list, then a step that joins the results",
        "value": {
            "name": "rank by gap",
            "inputs": {"molecules": [{"name": "water", "smiles": "O"}, {"name": "benzene", "smiles": "c1ccccc1"}]},
            "workflow": {
                "steps": [
                    {
                        "id": "each",
                        "for_each": "$inputs.molecules",
                        "steps": [
                            {"id": "conformer", "capability": "conformer", "inputs": {"smiles": "$item.smiles"}},
                            {"id": "gap", "capability": "gap", "inputs": {"geometry": "$steps.conformer"}},
                        ],
                    },
                    {"id": "rank", "capability": "rank", "inputs": {"gaps": "$steps.each"}},
                ]
            },
            "objective": {"latency_weight": 1.0, "min_quality": 0.5},
        },
    },
    "goal": {
        "summary": "A goal in words, decomposed by the service's LLM",
        "value": {"goal": "Summarise the three newest papers on topic X", "inputs": {"topic": "X"}, "kind": "digest"},
    },
    "limits": {
        "summary": "Two steps with a deadline and a budget",
        "value": {
            "workflow": {
                "steps": [
                    {"id": "fetch", "capability": "fetch", "inputs": {"url": "https://example.org"}},
                    {"id": "digest", "capability": "summarise", "inputs": {"text": "$steps.fetch.text"}},
                ]
            },
            "limits": {"deadline_s": 60, "budget_usd": 0.05},
            "planning": {"mode": "forerun", "alpha": 0.8},
        },
    },
}

ANSWERS: dict[str, Example] = {
    "approve": {"summary": "Approve", "value": {"approved": True, "by": "ada"}},
    "reject": {"summary": "Reject, with a reason", "value": {"approved": False, "comment": "too long", "by": "ada"}},
    "callback": {"summary": "The message that a callback waits for", "value": {"output": {"paid_usd": 12}}},
}
LIMITS: dict[str, Example] = {
    "raise": {"summary": "A larger budget", "value": {"budget_usd": 5.0, "by": "ada"}},
    "finish": {"summary": "Return what is there", "value": {"action": "finish", "by": "ada"}},
}
RESOLUTIONS: dict[str, Example] = {
    "happened": {
        "summary": "The act happened, with this output",
        "value": {"happened": True, "output": {"order": "17"}},
    },
    "did not happen": {"summary": "The act did not happen, so the step may run again", "value": {"happened": False}},
}
