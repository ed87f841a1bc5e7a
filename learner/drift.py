"""Has the world changed? A test on survival residuals per kind of task, and how far the gate is throttled meanwhile.

Page-Hinkley (Page 1954; Gama et al. 2014, A survey on concept drift adaptation, 3.2): with r = promised - kept and
m_t = sum of (r_i - tolerance), alarm when m_t - min m exceeds the threshold. Only broken promises alarm; guesses that
do better than promised cost nothing. Written out here: it is four lines, and river would bring forty megabytes.
"""

from dataclasses import dataclass

from planners.model import Model


class DriftSettings(Model):
    """When to throttle and when to let go.

    ``tolerance``: a mean residual below it is no drift. ``threshold``: accumulated excess that alarms; 5 is seven
    flushed guesses in a row at P 0.9, and one to two false alarms in a thousand guesses at an honest P of 0.5, fewer
    elsewhere (simulated). ``memory``: weight of the newest residual in the moving averages. ``closes_below``: kept over
    promised under which the gate closes; ``reopens_after``: outcomes of the kind after which a closed gate is
    tried again; ``least``: outcomes after an alarm before it may be lifted.
    """

    tolerance: float = 0.1
    threshold: float = 5.0
    memory: float = 0.05
    closes_below: float = 0.3
    reopens_after: int = 50
    least: int = 20


@dataclass(frozen=True, slots=True)
class Throttle:
    """What the gate is told: the factor on P, and whether it is closed."""

    factor: float = 1.0
    closed: bool = False


class DriftMonitor:
    """Watches one kind of task. Constant memory and time per outcome."""

    def __init__(self, settings: DriftSettings | None = None) -> None:
        self._settings = settings or DriftSettings()
        self.alarms = 0
        self.drifting = False
        self._excess = 0.0
        self._closed_for: int | None = None
        self._forget()

    @property
    def throttle(self) -> Throttle:
        """Kept over promised since the change, so that throttled promises are about kept; open without an alarm."""
        if not self.drifting:
            return Throttle()
        return Throttle(max(0.05, min(1.0, self._ratio)), closed=self._closed_for is not None)

    def tick(self) -> None:
        """Work of this kind went by that says nothing on guesses: a closed gate comes nearer to being tried again."""
        if self._closed_for is None:
            return
        self._closed_for += 1
        if self._closed_for >= self._settings.reopens_after:
            self._closed_for = None
            self._count = 1  # what comes now weighs more than what closed it

    def observe(self, promised: float, *, survived: bool) -> None:
        """Take in what became of a guess that was promised to survive with this probability."""
        self._average(promised, survived=survived)
        # m_t - min m by recursion: it never falls below 0, and where it is 0 any change is still to come.
        self._excess = max(0.0, self._excess + promised - survived - self._settings.tolerance)
        if not self.drifting:
            if self._excess == 0.0:
                self._forget()
            self.drifting = self._excess > self._settings.threshold
            self.alarms += self.drifting
        elif self._count >= self._settings.least and self._promised - self._kept <= self._settings.tolerance:
            self.drifting, self._closed_for, self._excess = False, None, 0.0
            self._forget()
        if self.drifting:
            broken = self._count >= self._settings.least and self._ratio < self._settings.closes_below
            self._closed_for = (self._closed_for or 0) if broken else None

    @property
    def _ratio(self) -> float:
        return self._kept / self._promised if self._promised > 0 else 1.0

    def _average(self, promised: float, *, survived: bool) -> None:
        """The plain mean at first, then one that forgets."""
        self._count += 1
        weight = max(self._settings.memory, 1 / self._count)
        self._promised += weight * (promised - self._promised)
        self._kept += weight * (survived - self._kept)

    def _forget(self) -> None:
        self._count, self._promised, self._kept = 0, 0.0, 0.0
