"""The learning rate over a run: a short rise, then a fall to zero, ending with the steps or with the minutes."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# how much of the peak rate is left once a share of the run is done
FALLS: dict[str, Callable[[float], float]] = {
    "cosine": lambda share: 0.5 * (1 + math.cos(math.pi * share)),
    "linear": lambda share: 1 - share,
    "constant": lambda _: 1.0,
}


@dataclass
class Clock:
    """How far a run has come, by steps and, where minutes are limited, by time; whichever is further.

    With a limit, the learning rate follows the time that is used, so that it has come down when the time is up, however
    the machine's speed swings; such a run is not repeatable bit for bit. Without one, it depends on the step alone.
    """

    steps: int
    warmup_steps: int
    limit_seconds: float | None = None
    before_seconds: float = 0.0  # used by this run before it was interrupted
    schedule: str = "cosine"
    _started: float | None = field(default=None, repr=False)
    _agreed_seconds: float | None = field(default=None, repr=False)

    def start(self) -> None:
        """Begin to count time."""
        self._started = time.monotonic()

    def agree(self, elapsed_seconds: float) -> None:
        """Report this time until the next is set, as processes that train together must."""
        self._agreed_seconds = elapsed_seconds

    @property
    def elapsed_seconds(self) -> float:
        """Return the seconds trained, those before an interruption included."""
        return self.own_seconds if self._agreed_seconds is None else self._agreed_seconds

    @property
    def own_seconds(self) -> float:
        """Return the seconds by this process's own time."""
        running = 0.0 if self._started is None else time.monotonic() - self._started
        return self.before_seconds + running

    @property
    def is_up(self) -> bool:
        """Return whether the minutes are used up."""
        return self.limit_seconds is not None and self.elapsed_seconds >= self.limit_seconds

    def share(self, step: int) -> float:
        """Return how much of the run is done after `step` steps, in [0, 1]."""
        by_steps = step / self.steps
        by_time = self.elapsed_seconds / self.limit_seconds if self.limit_seconds else 0.0
        return min(max(by_steps, by_time), 1.0)

    def factor(self, step: int) -> float:
        """Return the factor of the peak learning rate for the step after `step` steps."""
        # a run that the clock ends never reaches most of its steps: its warm-up is a share of the time then
        warmed = self.share(step) * self.steps / self.warmup_steps if self.warmup_steps else 1.0
        rise = max((step + 1) / (self.warmup_steps + 1), warmed)
        return min(rise, FALLS[self.schedule](self.share(step)))
