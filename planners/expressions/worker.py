"""The process that evaluates one expression: a JSON pair (text, values) on its input, the value on its output."""

import json
import resource
import sys

from planners.expressions.engine import evaluated
from planners.expressions.errors import ExpressionFailed


def main() -> None:
    """Answer one question within the memory given as the argument, in bytes."""
    most_bytes = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, most_bytes))
    text, values = json.load(sys.stdin)
    try:
        answer = json.dumps(evaluated(text, values))
    except ExpressionFailed as error:
        answer = "null\n" + json.dumps(error.message)
    sys.stdout.write(answer)


if __name__ == "__main__":
    main()
