"""How much of what an attempt prints and logs is kept."""

from dataclasses import dataclass

# What a line costs beside its text: time, level, stream.
LINE_OVERHEAD_BYTES = 48


@dataclass(frozen=True, slots=True)
class LogLimits:
    """Bounds on the lines of one attempt. What exceeds them is counted and dropped, but the last lines are kept.

    ``line_chars``: a longer line is cut. ``attempt_bytes``: of all its lines. ``bytes_per_s``, ``burst_bytes``: a token
    bucket, so that a loop that prints uses up neither network nor disk. ``last_lines``, ``last_bytes``: what is kept of
    the lines that were dropped last, because they tell why an attempt failed. ``told_only``: what is printed and logged
    goes where it went before, and only progress and artefacts are captured.
    """

    line_chars: int = 4_000
    attempt_bytes: int = 1_000_000
    bytes_per_s: int = 64_000
    burst_bytes: int = 256_000
    last_lines: int = 100
    last_bytes: int = 32_000
    told_only: bool = False


# For agents whose progress is watched, where no log is kept.
TOLD_ONLY = LogLimits(told_only=True)
