"""The header Retry-After, by which a busy service says when to try again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# A service that asks for more is not believed: work would wait for a typing error.
MOST_S = 3600.0


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait: the header holds seconds or a date (RFC 9110, section 10.2.3). None: it is missing or wrong."""
    text = (header or "").strip()
    try:
        seconds = float(text) if text.isdecimal() else _until(text, now or datetime.now(UTC))
    except (ValueError, TypeError):
        return None
    return min(max(0.0, seconds), MOST_S)


def _until(text: str, now: datetime) -> float:
    moment = parsedate_to_datetime(text)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
