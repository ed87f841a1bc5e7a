"""Agents that book things in a folder, cancel bookings, and pay in vain. The folder is the witness."""

from pathlib import Path

from actors.agent import agent


@agent("book", effect="irreversible")
async def books(folder: str, what: str) -> str:
    booking = Path(folder) / what
    booking.touch(exist_ok=False)
    return str(booking)


@agent("cancel", effect="idempotent")
def cancels(booking: str) -> str:
    Path(booking).unlink()
    with (Path(booking).parent / "cancelled").open("a") as witness:
        witness.write(f"{Path(booking).name}\n")
    return booking


@agent("pay")
async def pays_in_vain(booking: str) -> str:
    raise ValueError(f"no money for {Path(booking).name}")
