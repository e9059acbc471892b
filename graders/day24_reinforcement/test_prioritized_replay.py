"""The hidden suite of `prioritized_replay`.

A pair holds a learner's buffer and a ledger of what its priorities must be by now.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dlcourse.testing import (
    Student,
    assert_frequencies,
    assert_pure,
    assert_reproducible,
    assert_values_match,
    points,
)

DRAWS = 3000
TOO_EVEN = 1e-6  # the p-value at which draws are more regular than chance
Settings = tuple[float, float, float]  # alpha, beta, eps
SETTINGS: tuple[Settings, ...] = ((0.7, 0.45, 0.2), (1.0, 1.0, 0.05), (1.6, 0.6, 0.5))


class Pair:
    """A buffer, and the priorities that its slots must have."""

    def __init__(self, student: Student, capacity: int, settings: Settings) -> None:
        self.buffer: Any = student.PER(capacity, *settings)
        self.capacity = capacity
        self.alpha, self.beta, self.eps = settings
        self.priorities: dict[int, float] = {}
        self.added = 0
        self.drawn: set[int] = set()

    def add(self, count: int = 1) -> None:
        """Add items, which are the numbers 0, 1, 2, ..."""
        for _ in range(count):
            self.buffer.add(self.added)
            largest = max(self.priorities.values(), default=1.0)
            self.priorities[self.added % self.capacity] = largest
            self.added += 1

    def update(self, idx: torch.Tensor, td: torch.Tensor) -> None:
        """Update the slots."""
        self.buffer.update(idx, td)
        for slot, error in zip(idx.tolist(), td.tolist(), strict=True):
            self.priorities[slot] = abs(error) + self.eps

    def masses(self) -> torch.Tensor:
        """Return what each slot is drawn in proportion to, [capacity] in float64."""
        masses = torch.zeros(self.capacity, dtype=torch.float64)
        for slot, priority in self.priorities.items():
            masses[slot] = priority**self.alpha
        return masses

    def sample(self, n: int, gen: torch.Generator) -> torch.Tensor:
        """Draw, assert that the weights are right for what was drawn, and return the slots."""
        slots: torch.Tensor
        slots, w = self.buffer.sample(n, gen)
        if not bool(((slots >= 0) & (slots < len(self.priorities))).all()):
            pytest.fail("A slot was drawn that holds no item.")
        masses = self.masses()
        probabilities = masses / masses.sum()
        raw = (len(self.priorities) * probabilities[slots]) ** -self.beta
        assert_values_match(w, raw / raw.max(), dtype=torch.float32, c=64, what="the weights")
        if w.requires_grad:
            pytest.fail("The weights carry a graph.")
        self.drawn |= set(slots.tolist())
        return slots

    def assert_frequent(self, gen: torch.Generator) -> None:
        """Assert that the slots come up as often as their priorities say."""
        masses = self.masses()
        # The first half of a batch is like all of it, unless the draws are in some order.
        assert_frequencies(
            lambda g: self.buffer.sample(2 * DRAWS, g)[0][:DRAWS],
            masses / masses.sum(),
            gen=gen,
            what="the drawn slots",
        )


def assert_several(pairs: list[Pair]) -> None:
    """Assert that not every draw was of one slot, for which all weights are 1."""
    if len(set().union(*(pair.drawn for pair in pairs))) <= 1:
        pytest.fail("Every draw was of the same slot, though several hold an item.")


def errors(gen: torch.Generator, n: int) -> torch.Tensor:
    """Draw [n] errors in float64 whose sizes lie between 0.3 and 3, of both signs."""
    sizes = 0.3 * 10 ** torch.rand(n, generator=gen, dtype=torch.float64)
    return torch.where(torch.arange(n) % 2 == 0, sizes, -sizes)


def some(gen: torch.Generator, n: int, count: int) -> torch.Tensor:
    """Draw [count] different slots of n."""
    return torch.randperm(n, generator=gen)[:count]


def generator(gen: torch.Generator) -> torch.Generator:
    """Return a generator of its own for graded code."""
    return torch.Generator().manual_seed(int(torch.randint(1 << 60, (), generator=gen)))


def assert_refused(
    pair: Pair, method: str, arguments: tuple[Any, ...], kind: type[Exception], what: str
) -> None:
    """Assert that a method raises the kind of error that the docstring promises."""
    try:
        getattr(pair.buffer, method)(*arguments)
    except kind:
        return
    pytest.fail(f"No `{kind.__name__}` was raised for {what}.")


@points(1)
def test_newest_items_are_held(student: Student) -> None:
    """The buffer holds the newest items, each in the slot of the oldest one that it replaced."""
    for capacity, count in ((3, 0), (3, 2), (3, 7), (1, 2)):
        buffer = student.PER(capacity, *SETTINGS[0])
        for number in range(count):
            buffer.add({"action": number, "state": torch.full((2,), float(number))})
        assert_values_match(len(buffer), min(count, capacity), what="the number of items")
        for slot in range(min(count, capacity)):
            # Those of the numbers so far that belong here; the last one stays.
            newest = max(number for number in range(count) if number % capacity == slot)
            due = {"action": newest, "state": torch.full((2,), float(newest))}
            assert_values_match(buffer[slot], due, what="the item in a slot")
    odd: list[Any] = [None, [1, 2], 0, ()]
    buffer = student.PER(5, *SETTINGS[0])
    for item in odd:
        buffer.add(item)
    assert_values_match(len(buffer), 4, what="the number of items")
    assert_values_match([buffer[slot] for slot in range(4)], odd, what="the items")


@points(3)
def test_weights_undo_the_probabilities(student: Student, gen: torch.Generator) -> None:
    """A weight is (N P)^-beta over the batch's maximum, through updates and new items."""
    pairs = [Pair(student, 9, settings) for settings in SETTINGS]
    for pair in pairs:
        td, more, slots = errors(gen, 5), errors(gen, 3), some(gen, 5, 3)
        chosen = generator(gen)
        pair.add(5)
        pair.update(torch.arange(5), td)
        pair.sample(30, chosen)
        pair.update(slots, more)
        for n in (40, 7):
            pair.sample(n, chosen)
        # Six more fill nine slots and take the first two anew, and then another one is judged.
        pair.add(6)
        pair.update(torch.tensor([4]), more[:1])
        pair.sample(40, chosen)
    assert_several(pairs)


@points(2)
def test_largest_weight_of_a_batch_is_one(student: Student, gen: torch.Generator) -> None:
    """Weights are divided by the maximum over the batch, even if a rarer item was not drawn."""
    td, chosen = errors(gen, 5), generator(gen)
    td[3] = 0.0
    pair = Pair(student, 5, (1.0, 0.8, 1e-9))
    pair.add(5)
    pair.update(torch.arange(5), td)
    for n in (1, 2, 25, 100):
        pair.sample(n, chosen)
    assert_several([pair])


@points(3)
def test_draws_follow_the_priorities(student: Student, gen: torch.Generator) -> None:
    """A slot comes up in proportion to its priority to the power of alpha."""
    for settings in SETTINGS:
        td = errors(gen, 5)
        pair = Pair(student, 5, settings)
        pair.add(5)
        pair.update(torch.arange(5), td)
        pair.assert_frequent(gen)


@points(2)
def test_draws_do_not_know_of_each_other(student: Student, gen: torch.Generator) -> None:
    """Each draw is independent: an item may come up twice, and how often it does varies."""
    count = 40
    pair = Pair(student, count, (0.0, 0.5, 0.1))
    pair.add(count)
    pair.assert_frequent(gen)
    slots = pair.sample(DRAWS, generator(gen))
    due = DRAWS / count
    statistic = (slots.bincount(minlength=count) - due).square().sum() / due
    # The lower tail of chi-square: strata, shuffled or not, are more even than chance.
    freedom = torch.tensor((count - 1) / 2, dtype=torch.float64)
    if float(torch.special.gammainc(freedom, statistic.double() / 2)) < TOO_EVEN:
        pytest.fail("The slots come up more evenly than independent draws do.")
    # 40 of 40 slots without a repetition: once in 1e16 batches.
    if len(set(pair.sample(count, generator(gen)).tolist())) == count:
        pytest.fail("A batch as large as the buffer holds every item once: put back what is drawn.")


@points(2)
def test_new_items_have_the_largest_priority(student: Student, gen: torch.Generator) -> None:
    """A new item has the largest priority that is in the buffer at that moment, 1 in an empty one.

    It is neither the largest that ever was, nor the largest plus eps.
    """
    td, chosen = errors(gen, 4), generator(gen)
    pair = Pair(student, 9, SETTINGS[2])
    pair.add(2)
    pair.update(torch.tensor([1]), 4 * td[:1])
    pair.sample(40, chosen)
    pair.add(2)
    pair.sample(60, chosen)
    pair.update(torch.arange(4), td / 8)
    pair.add(2)
    pair.sample(80, chosen)
    pair.assert_frequent(gen)


@points(2)
def test_item_in_an_old_slot_is_new(student: Student, gen: torch.Generator) -> None:
    """An item that replaces another has the largest priority, not that of its predecessor."""
    draws, chosen = errors(gen, 4), generator(gen)
    # The oldest item is the dullest, then the most exciting.
    for factor in (0.1, 10.0):
        td = torch.cat([factor * draws[:1], draws[1:]])
        pair = Pair(student, 4, SETTINGS[0])
        pair.add(4)
        pair.update(torch.arange(4), td)
        pair.sample(60, chosen)
        pair.add()
        pair.sample(60, chosen)
        pair.update(torch.arange(4), td / 5)
        pair.sample(60, chosen)
        pair.add(2)
        pair.sample(60, chosen)
        pair.assert_frequent(gen)


@points(2)
def test_no_error_is_drawn_again(student: Student, gen: torch.Generator) -> None:
    """An item with td = 0 keeps the priority eps, by which it is drawn and weighed."""
    td = torch.zeros(4, dtype=torch.float64)
    td[:2] = errors(gen, 2)
    chosen = generator(gen)
    for settings in (SETTINGS[0], SETTINGS[2]):
        pair = Pair(student, 4, settings)
        pair.add(4)
        pair.update(torch.arange(4), td)
        pair.assert_frequent(gen)
        pair.sample(200, chosen)


@points(2)
def test_empty_slots_are_never_drawn(student: Student, gen: torch.Generator) -> None:
    """Only slots that hold an item come up, alpha = 0 included, and more often than there are."""
    td = errors(gen, 3)
    for alpha in (0.0, 0.5):
        pair = Pair(student, 40, (alpha, 0.5, 0.3))
        pair.add(3)
        pair.assert_frequent(gen)
        pair.update(torch.arange(3), td)
        pair.assert_frequent(gen)


@points(1)
def test_exponents_of_zero_switch_off(student: Student, gen: torch.Generator) -> None:
    """With alpha = 0 all items are drawn alike, with beta = 0 all weights are 1."""
    td, chosen = errors(gen, 4), generator(gen)
    for settings in ((0.0, 0.7, 0.1), (0.8, 0.0, 0.1)):
        pair = Pair(student, 4, settings)
        pair.add(4)
        pair.update(torch.arange(4), td)
        pair.sample(50, chosen)
        pair.assert_frequent(gen)


@points(2)
def test_generator_decides_the_draws(student: Student, gen: torch.Generator) -> None:
    """Equal generators draw equally, others do not, and the global random state is left alone."""
    td = errors(gen, 3)

    def draw(g: torch.Generator) -> Any:
        pair = Pair(student, 3, SETTINGS[0])
        pair.add(3)
        pair.update(torch.arange(3), td)
        return pair.sample(60, g)

    assert_reproducible(draw, gen, what="the batch")
    pair = Pair(student, 3, SETTINGS[0])
    pair.add(3)
    pair.update(torch.arange(3), td)
    changed = pair.buffer.sample.observed(40, generator(gen)).changed
    pair.sample(9, generator(gen))
    if changed:
        pytest.fail(f"`sample` changed {changed[0]} and left it so.")


@points(2)
def test_errors_may_come_from_a_network(student: Student, gen: torch.Generator) -> None:
    """An error in any dtype, with strides and a graph, sets its priority, and is not changed."""
    columns, slots, chosen = errors(gen, 10).reshape(5, 2), some(gen, 5, 5), generator(gen)
    for dtype, requires_grad in ((torch.float32, True), (torch.float64, False)):
        pair = Pair(student, 7, SETTINGS[2])
        pair.add(6)
        td = columns.to(dtype).requires_grad_(requires_grad)[:, 1]
        assert_pure(pair.buffer.update, slots, td)
        pair.update(slots, td)
        pair.add()
        pair.sample(40, chosen)
        repeated = torch.cat([slots[:2], slots[:2]])
        pair.update(repeated, torch.cat([td[3:], td[3:]]))
        pair.update(slots[:0], td[:0])  # no error is no change
        pair.sample(120, chosen)
        assert_several([pair])


@points(1)
def test_small_and_large_errors_are_told_apart(student: Student, gen: torch.Generator) -> None:
    """Priorities from 1e-3 to 1e4 keep their ratios, and their sum does not swallow the small."""
    chosen = generator(gen)
    td = torch.tensor([1e-3, 1e4, 1.0, 1e-2, 30.0], dtype=torch.float64)
    pair = Pair(student, 5, (0.5, 1.0, 1e-4))
    pair.add(5)
    pair.update(torch.arange(5), td)
    pair.sample(400, chosen)
    pair.assert_frequent(gen)
    # A sum that is kept up to date by differences forgets the small ones for good.
    for size in (1e34, 1.0):
        pair.update(torch.arange(5), torch.tensor([size, 1, 1, 1, 1], dtype=torch.float64))
    pair.assert_frequent(gen)


@points(1)
def test_steep_weights_are_finite(student: Student, gen: torch.Generator) -> None:
    """With beta = 20 the weights are right, although (N P)^-beta alone overflows in float32."""
    td, chosen = torch.tensor([1e-3, 100.0], dtype=torch.float64), generator(gen)
    pair = Pair(student, 3, (0.5, 20.0, 1e-3))
    pair.add(2)
    pair.update(torch.arange(2), td)
    pair.sample(4000, chosen)
    pair.assert_frequent(gen)
    assert_several([pair])


@points(1)
def test_buffers_do_not_share(student: Student, gen: torch.Generator) -> None:
    """Two buffers at once keep their own items, priorities and settings."""
    td, chosen = errors(gen, 3), generator(gen)
    pairs = [Pair(student, capacity, SETTINGS[capacity % 3]) for capacity in (3, 5)]
    for pair in pairs:
        pair.add(4)
    for pair, factor in zip(pairs, (1.0, 3.0), strict=True):
        pair.update(torch.arange(3), factor * td)
    for pair in pairs:
        assert_values_match(len(pair.buffer), min(pair.capacity, 4), what="the number of items")
        pair.sample(50, chosen)
        pair.assert_frequent(gen)


@points(1)
def test_bad_settings_are_refused(student: Student, gen: torch.Generator) -> None:
    """A capacity below 1, a negative exponent, and an eps of 0 or below raise a ValueError."""
    for capacity, settings in ((1, (0.0, 0.0, 1e-6)), (3, SETTINGS[0])):
        pair = Pair(student, capacity, settings)
        pair.add()
        pair.sample(3, generator(gen))
    bad: dict[str, tuple[Any, ...]] = {
        "`capacity` 0": (0, 0.5, 0.5, 0.1),
        "a negative `capacity`": (-1, 0.5, 0.5, 0.1),
        "a negative `alpha`": (3, -0.5, 0.5, 0.1),
        "a negative `beta`": (3, 0.5, -0.5, 0.1),
        "`eps` 0": (3, 0.5, 0.5, 0.0),
        "a negative `eps`": (3, 0.5, 0.5, -0.1),
    }
    for what, arguments in bad.items():
        try:
            student.PER(*arguments)
        except ValueError:
            continue
        pytest.fail(f"No `ValueError` was raised for {what}.")


@points(1)
def test_bad_calls_are_refused(student: Student, gen: torch.Generator) -> None:
    """No draws, an empty buffer, shapes that do not fit and slots without an item are refused."""
    td, chosen = errors(gen, 4), generator(gen)
    empty, pair = Pair(student, 6, SETTINGS[1]), Pair(student, 6, SETTINGS[1])
    pair.add(4)
    pair.update(torch.arange(4), td)
    assert_refused(empty, "sample", (3, chosen), ValueError, "a draw from an empty buffer")
    for n in (0, -1):
        assert_refused(pair, "sample", (n, chosen), ValueError, f"{n} draws")
    shapes = {
        "fewer errors than slots": (torch.arange(3), td[:2]),
        "one error for many slots": (torch.arange(3), td[:1]),
        "a column of errors": (torch.arange(4), td[:, None]),
        "two-dimensional slots and errors": (torch.arange(4).reshape(2, 2), td.reshape(2, 2)),
    }
    for what, arguments in shapes.items():
        assert_refused(pair, "update", arguments, ValueError, what)
    for slot in (-1, 4, 6):
        # Slot 0 is good, and must not be updated before the other is found to be bad.
        arguments = (torch.tensor([0, slot]), 9 * td[:2])
        assert_refused(pair, "update", arguments, IndexError, f"slot {slot} of 4")
    pair.sample(200, chosen)
    pair.add()
    pair.sample(200, chosen)
