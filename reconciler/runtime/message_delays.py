"""How long messages between a shard and its agents take at present."""

# How much one attempt counts: bursts are noticed after some ten attempts, and a single slow start does little.
_WEIGHT = 1 / 8
# Most attempts are delayed by less than so many times the mean.
_MARGIN = 3.0
# Delays of more than this are no matter of load.
_MOST_S = 10.0


class MessageDelays:
    """What attempts take beyond the seconds of their agents, of all runs of a shard: a moving average.

    On a loaded machine the event loop reads reports late. Attempts are not slow then, and more of them would make it
    worse.
    """

    def __init__(self) -> None:
        self._mean_s = 0.0

    def note(self, delay_s: float) -> None:
        """An attempt has returned so many seconds later than its agent."""
        self._mean_s += _WEIGHT * (min(max(0.0, delay_s), _MOST_S) - self._mean_s)

    @property
    def margin_s(self) -> float:
        """By how much an attempt may be late because of messages alone."""
        return _MARGIN * self._mean_s
