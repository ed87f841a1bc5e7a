"""Requests of three kinds, and their plans."""

from learner.predictor import PlanExample, ToolText

TOOLS = [ToolText(name, f"{name} something") for name in ("book", "pay", "search", "translate")]


def examples(count):
    shapes = [("search", "book", "pay"), ("translate",), ("search", "translate")]
    texts = ["find and book a room in town {}", "translate letter {}", "look up page {} and translate it"]
    for number in range(count):
        steps = shapes[number % 3]
        yield PlanExample(texts[number % 3].format(number), steps, tuple((n, n + 1) for n in range(len(steps) - 1)))
