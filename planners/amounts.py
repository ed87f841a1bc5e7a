"""Amounts as people read them in messages."""

import math


def dollars(usd: float, *, round_up: bool = False) -> str:
    """Dollars: cents, or two digits of what is less than a cent.

    With ``round_up`` the amount shown is never less than ``usd``, as advice on a limit needs it.
    """
    if usd == 0 or not math.isfinite(usd):
        return "$0" if usd == 0 else f"${usd}"
    sign, amount = ("-" if usd < 0 else ""), abs(usd)
    digits = 2 if amount >= 0.01 else max(2, 1 - math.floor(math.log10(amount)))
    shown = f"{amount:,.{digits}f}"
    if round_up and sign == "" and float(shown.replace(",", "")) < amount * (1 - _ROUNDING):
        shown = f"{amount + 0.5 * 10.0**-digits:,.{digits}f}"
    return f"{sign}${shown}"


# Sums of prices are off by this share.
_ROUNDING = 1e-12
