"""What a check has found."""

from enum import StrEnum

from planners.model import Model


class Gravity(StrEnum):
    """Whether the service can run: yes, yes with limits, or no."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(Model):
    """What a check has found; ``fix`` says what to do about a warning or an error."""

    check: str
    level: Gravity
    message: str
    fix: str = ""


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check=check, level=Gravity.OK, message=message)


def warning(check: str, message: str, fix: str) -> Finding:
    """The service can run, with limits."""
    return Finding(check=check, level=Gravity.WARNING, message=message, fix=fix)


def error(check: str, message: str, fix: str) -> Finding:
    """The service cannot run, or not do all that it is set up for."""
    return Finding(check=check, level=Gravity.ERROR, message=message, fix=fix)
