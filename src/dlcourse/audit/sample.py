"""Which exercises continuous integration audits: what changed, and a part of the rest in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlcourse.audit.lock import Lock
    from dlcourse.course import Exercise

_UNKNOWN_COST: Final = 60.0  # seconds, for an exercise that was never audited


def in_turn(
    exercises: Sequence[Exercise], lock: Lock, turn: int, budget: float
) -> tuple[Exercise, ...]:
    """Return what differs from the lock, then a rotating part of the rest, for `budget` seconds.

    Where the rest begins moves on by as many exercises as fit, from one `turn` (a day's number)
    to the next, so that all of them have their turn within a few days. At least one is audited.
    """
    changed = [one for one in exercises if not lock.fits(one)]
    rest = [one for one in exercises if lock.fits(one)]
    left = budget - sum(_cost(one, lock) for one in changed)
    return (
        *_fitting(changed, lock, budget),
        *_fitting(_rotated(rest, lock, turn, left), lock, left),
    )


def _rotated(rest: Sequence[Exercise], lock: Lock, turn: int, budget: float) -> Sequence[Exercise]:
    """The exercises from this turn's first one on, around the end."""
    if not rest or budget <= 0:
        return ()
    mean = sum(_cost(one, lock) for one in rest) / len(rest)
    step = max(1, int(budget / max(mean, 1e-9)))
    start = turn * step % len(rest)
    return (*rest[start:], *rest[:start])


def _fitting(exercises: Sequence[Exercise], lock: Lock, budget: float) -> Iterator[Exercise]:
    """The first exercises, as long as time is left when each begins."""
    for exercise in exercises:
        if budget <= 0:
            return
        budget -= _cost(exercise, lock)
        yield exercise


def _cost(exercise: Exercise, lock: Lock) -> float:
    locked = lock.exercises.get(exercise.name)
    return locked.figures.cost if locked else _UNKNOWN_COST
