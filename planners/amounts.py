"""Amounts as people read them in messages."""

import math


def dollars(usd: float) -> str:
    """Dollars: cents, or two digits of what is less than a cent."""
    if usd == 0 or not math.isfinite(usd):
        return "$0" if usd == 0 else f"${usd}"
    sign, amount = ("-" if usd < 0 else ""), abs(usd)
    if amount >= 0.01:
        return f"{sign}${amount:,.2f}"
    return f"{sign}${amount:.{max(2, 1 - math.floor(math.log10(amount)))}f}"
