"""The process that evaluates one expression: text, values and bound as JSON on its input, the value on its output."""

import json
import resource
import sys

from planners.expressions.engine import evaluated, made
from planners.expressions.errors import ExpressionFailed
from planners.expressions.macros import in_parts

# What a part of a list may become, in values and characters.
MOST_PART = 10_000_000


def main() -> None:
    """Answer one question within the memory given as the argument, in bytes."""
    most_bytes = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    text, values, most = json.load(sys.stdin)
    try:
        text, values = in_parts(text, values, MOST_PART)
        answer = json.dumps(evaluated(text, values) if most is None else made(text, values, most))
    except ExpressionFailed as error:
        answer = "null\n" + json.dumps(error.message)
    sys.stdout.write(answer)


if __name__ == "__main__":
    main()
