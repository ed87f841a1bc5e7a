"""A command: reads its inputs as JSON from stdin, and prints its output as JSON."""

import json
import sys

print(len(json.load(sys.stdin)["text"].split()))
