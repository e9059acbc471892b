"""The hidden suite of `observer`.

Batches for histograms keep clear of the bins' edges, where the rounding of `x / width` decides;
edges themselves are tested with widths that are powers of two.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from dlcourse.testing import (
    FLOATING,
    Mismatch,
    Student,
    assert_refused,
    assert_values_match,
    fresh,
    in_worker,
    odd_shapes,
    points,
    strided,
    watch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Batches: TypeAlias = "list[torch.Tensor]"
Range: TypeAlias = tuple[float, float]  # low, high

EMPTY = (math.inf, -math.inf)
CLEAR = 0.05  # how far, in bins, an element stays away from edges


def number(gen: torch.Generator, least: float, greatest: float) -> float:
    """Draw a number between two others."""
    return least + (greatest - least) * torch.rand((), generator=gen, dtype=torch.float64).item()


def whole(gen: torch.Generator, least: int, greatest: int) -> int:
    """Draw an integer from `least` to `greatest`."""
    return int(torch.randint(least, greatest + 1, (), generator=gen))


def draw(
    gen: torch.Generator, *shape: int, shift: float = 0.0, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Draw a batch of normal numbers around `shift`."""
    return (torch.randn(shape, generator=gen, dtype=torch.float64) + shift).to(dtype)


def draw_batches(gen: torch.Generator, count: int) -> Batches:
    """Draw batches of various ranks around various numbers, so that either end goes up and down."""
    ranks = [2, 3, 1, 4, 2, 3]
    return [
        draw(gen, *odd_shapes(gen, ranks[i % 6], 1)[0], shift=number(gen, -9, 9))
        for i in range(count)
    ]


def finite(batch: torch.Tensor) -> list[float]:
    """Return the elements that count."""
    numbers: list[float] = batch.detach().double().flatten().tolist()
    return [x for x in numbers if math.isfinite(x)]


def expected_range(batches: Batches, decay: float, start: Range = EMPTY) -> Range:
    """Return the averages after the batches, each as a sum over all of them."""
    ends = [(min(part), max(part)) for batch in batches if (part := finite(batch))]
    if start != EMPTY:
        ends = [start, *ends]
    if not ends:
        return EMPTY
    ages = range(len(ends) - 1, -1, -1)
    weights = [(1 - decay) * decay**age for age in ages]
    weights[0] = decay ** (len(ends) - 1)  # the first one was taken whole
    low, high = (sum(w * end[i] for w, end in zip(weights, ends, strict=True)) for i in (0, 1))
    return low, high


def assert_state(module: Any, due: dict[str, torch.Tensor], scale: float = 1.0) -> None:
    """Assert that the state holds what it should, in the right dtypes, and nothing else."""
    if any(True for _ in module.parameters()):
        raise Mismatch("The observer has parameters: register its state as buffers.")
    state = module.state_dict()
    if set(state) != set(due):
        names = ", ".join(f"`{name}`" for name in due)
        raise Mismatch(f"The observer's `state_dict` does not hold {names} and nothing else.")
    for name, tensor in due.items():
        what = f"the buffer `{name}`"
        assert_values_match(state[name], tensor, dtype=torch.float32, scale=scale, what=what)


def assert_range(module: Any, due: Range, scale: float = 10.0) -> None:
    """Assert that an observer's range is this one."""
    low, high = (torch.tensor(end, dtype=torch.float64) for end in due)
    assert_state(module, {"low": low, "high": high}, scale)


def draw_sizes(
    gen: torch.Generator,
    shape: Sequence[int],
    width: float,
    bins: int,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Draw a batch of both signs, clear of edges, of which some lie beyond the last bin."""
    n = math.prod(shape)
    reach = 1.2 * bins * width
    drawn = torch.rand(8 * n + 64, generator=gen, dtype=torch.float64) * 2 * reach - reach
    drawn = drawn.to(dtype)
    inside = (drawn.double().abs() / width).frac()
    clear = (inside > CLEAR) & (inside < 1 - CLEAR)
    return drawn[clear][:n].reshape(tuple(shape))


def expected_counts(batches: Batches, width: float, bins: int) -> torch.Tensor:
    """Return how many elements each bin holds."""
    counts = [0] * bins
    for batch in batches:
        for x in finite(batch):
            counts[min(math.floor(abs(x) / width), bins - 1)] += 1
    return torch.tensor(counts)


def assert_counts(module: Any, batches: Batches, width: float, bins: int) -> None:
    """Assert that these batches were counted."""
    assert_state(module, {"counts": expected_counts(batches, width, bins)})


def feed(module: Any, batches: Batches) -> Any:
    """Call an observer on each batch and return it."""
    for batch in batches:
        module(batch)
    return module


def nowhere(gen: torch.Generator) -> Batches:
    """Return batches without a finite element."""
    odd = torch.tensor([math.nan, math.inf, -math.inf])
    n = whole(gen, 2, 5)
    return [torch.full((n, 3), math.nan), odd[:, None].expand(3, n), odd[0], torch.zeros(n, 0)]


def spoiled(gen: torch.Generator, batch: torch.Tensor) -> torch.Tensor:
    """Return a batch of at least four elements with NaN, inf and -inf in three random places."""
    odd = torch.tensor([math.nan, math.inf, -math.inf], dtype=batch.dtype)
    places = torch.randperm(batch.numel(), generator=gen)[:3]
    flat = batch.flatten().scatter(0, places, odd)
    return flat.reshape(batch.shape)


@points(2)
def test_first_batch_is_taken_whole(student: Student, gen: torch.Generator) -> None:
    """The range is empty (inf, -inf) at first, and that of the first batch after it."""
    decays = (0.0, number(gen, 0.3, 0.9), 0.99)
    cases = [
        (decay, draw(gen, *shape, shift=shift))
        for decay, shift in zip(decays, (30.0, -30.0, 0.0), strict=True)
        for shape in (*odd_shapes(gen, 2, 1), (1,), ())
    ]
    modules = [student.MinMaxEMA(decay) for decay, _ in cases]
    for module, (decay, batch) in zip(modules, cases, strict=True):
        assert_range(module, EMPTY)
        module(batch)
        assert_range(module, expected_range([batch], decay))


@points(2)
def test_later_batches_are_averaged(student: Student, gen: torch.Generator) -> None:
    """From the second batch on, `decay` is the weight of the past, and 1 - `decay` of the new."""
    batches = [draw_batches(gen, 5) for _ in range(4)]
    decays = [0.0, number(gen, 0.1, 0.4), number(gen, 0.6, 0.9), 0.99]
    modules = [student.MinMaxEMA(decay=decay) for decay in decays[:3]]
    modules.append(student.MinMaxEMA())
    for i in range(5):
        for module, mine, decay in zip(modules, batches, decays, strict=True):
            module(mine[i])
            assert_range(module, expected_range(mine[: i + 1], decay))


@points(2)
def test_range_ignores_what_is_not_finite(student: Student, gen: torch.Generator) -> None:
    """NaN, inf and -inf move no end, and a batch without finite elements is no batch."""
    decay = number(gen, 0.4, 0.8)
    nothing = nowhere(gen)
    batches: Batches = []
    for shift in (20.0, -20.0, 0.0):
        shape = odd_shapes(gen, 2, 1)[0]
        batches += [*nothing, spoiled(gen, draw(gen, *shape, shift=shift))]
    batches += nothing
    module = student.MinMaxEMA(decay)
    for i, batch in enumerate(batches):
        module(batch)
        assert_range(module, expected_range(batches[: i + 1], decay), scale=20.0)


@points(2)
def test_scale_and_zero_point_cover_the_range(student: Student, gen: torch.Generator) -> None:
    """The range, widened to hold 0, has 255 steps, and the zero-point is the code of 0.0."""
    cases: list[tuple[Range, float, int]] = []
    for z in (-127, whole(gen, -100, -1), whole(gen, 0, 100), 126):
        step = number(gen, 0.01, 3)
        low = -(z + 128 + number(gen, -0.4, 0.4)) * step
        cases.append(((low, low + 255 * step), step, z))
    near, far = number(gen, 0.5, 2), number(gen, 3, 9)
    cases += [((near, far), far / 255, -128), ((-far, -near), far / 255, 127)]
    cases += [((near, near), near / 255, -128), ((-near, -near), near / 255, 127)]
    cases += [((0.0, far), far / 255, -128), ((0.0, 0.0), 1.0, -128)]
    for ends, step, z in cases:
        module = student.MinMaxEMA(0.5)
        # The average of two batches, neither of which has the range.
        batch = torch.tensor(ends, dtype=torch.float64)
        feed(module, [batch - 0.25, batch + 0.25])
        due = torch.tensor(step, dtype=torch.float64), torch.tensor(z, dtype=torch.int32)
        if min(map(abs, ends)) > 0:
            assert_values_match(
                module.qparams(), due, dtype=torch.float32, what="scale and zero-point"
            )
        module.load_state_dict({"low": batch[0].float(), "high": batch[1].float()})
        module.eval()
        found = module.qparams()
        assert_values_match(found, due, dtype=torch.float32, what="scale and zero-point")
        assert_range(module, ends, scale=step)


@points(2)
def test_sizes_are_counted_in_bins(student: Student, gen: torch.Generator) -> None:
    """Bin i counts the elements of size i * width and more, of both signs, over all batches."""
    settings = [(number(gen, 2, 9), bins) for bins in (1, whole(gen, 3, 6), whole(gen, 20, 60))]
    settings += [(number(gen, 0.02, 0.1), 11), (number(gen, 100, 900), 2048)]
    batches = [
        [draw_sizes(gen, shape, limit / bins, bins) for shape in (*odd_shapes(gen, 3, 3), (), (1,))]
        for limit, bins in settings
    ]
    modules = [student.HistogramObserver(0.9, limit, bins) for limit, bins in settings[:4]]
    modules.append(student.HistogramObserver(p=0.9, limit=settings[4][0]))
    for i in range(5):
        for module, mine, (limit, bins) in zip(modules, batches, settings, strict=True):
            module(mine[i])
            assert_counts(module, mine[: i + 1], limit / bins, bins)


@points(1)
def test_edges_and_outliers_have_a_bin(student: Student, gen: torch.Generator) -> None:
    """An edge belongs to the bin above it, and what is not below `limit` to the last bin."""
    far = torch.tensor([1e4, -1e4, 1e19, -1e30, 1e30])
    for power in (-3, 1, whole(gen, -2, 0)):
        bins, width = whole(gen, 5, 20), 2.0**power
        edges = width * torch.arange(bins + 3).float()
        batch = torch.cat([edges, -edges[: whole(gen, 2, 4)], far])
        module = student.HistogramObserver(0.5, bins * width, bins)
        module(batch)
        assert_counts(module, [batch], width, bins)


@points(2)
def test_histogram_ignores_what_is_not_finite(student: Student, gen: torch.Generator) -> None:
    """NaN, inf and -inf are in no bin, and a batch without finite elements adds nothing."""
    limit, bins = number(gen, 2, 5), whole(gen, 5, 9)
    width = limit / bins
    drawn = [draw_sizes(gen, shape, width, bins) for shape in odd_shapes(gen, 3, 2)]
    nothing = nowhere(gen)
    batches = [*nothing, spoiled(gen, drawn[0]), *nothing, spoiled(gen, drawn[1])]
    module = student.HistogramObserver(0.9, limit, bins)
    for i, batch in enumerate(batches):
        module(batch)
        assert_counts(module, batches[: i + 1], width, bins)


def expected_threshold(counts: list[int], p: float, width: float) -> torch.Tensor:
    """Return the upper edge of the first bin at which the cumulative share reaches p."""
    seen = 0
    for i, count in enumerate(counts):
        seen += count
        if seen / sum(counts) >= p:
            return torch.tensor((i + 1) * width, dtype=torch.float64)
    raise AssertionError


@points(2)
def test_threshold_is_where_the_share_reaches_p(student: Student, gen: torch.Generator) -> None:
    """The threshold is the upper edge of the first bin whose cumulative share is p or more."""
    cases: list[tuple[list[int], float]] = []
    for bins in (whole(gen, 4, 9), whole(gen, 30, 50)):
        drawn = torch.randint(1, 90, (bins,), generator=gen)
        drawn[torch.randperm(bins, generator=gen)[: bins // 3]] = 0
        reached = (drawn.cumsum(0) / drawn.sum().double()).tolist()
        full = [k for k in range(bins) if drawn[k]]
        for k in (full[0], full[whole(gen, 1, len(full) - 1)]):
            before = reached[k - 1] if k else 0.0
            cases.append((drawn.tolist(), (before + reached[k]) / 2))
    # Shares that are p exactly, p = 1 with empty bins at the end, and large numbers.
    cases += [([3, 0, 3, 2], 0.75), ([1, 2, 0, 1, 4], 0.5), ([5, 1, 1, 1], 0.875), ([7], 0.5)]
    cases += [([0, 2, 5, 0, 1, 0, 0], 1.0), ([0, 0, 3, 9], 1e-9), ([0, 0, 4], 1.0)]
    large = 1 << 25
    cases += [([large, large + 1], 0.5), ([large, large], 0.5), ([4 * large, 0, 1, 0], 1.0)]
    widths = [number(gen, 0.1, 4) for _ in cases]
    for (counts, p), width in zip(cases, widths, strict=True):
        bins = len(counts)
        module = student.HistogramObserver(p, bins * width, bins)
        if sum(counts) < large:
            middles = width * (torch.arange(bins) + 0.5)
            module(middles.repeat_interleave(torch.tensor(counts)))
        else:
            module.load_state_dict({"counts": torch.tensor(counts)})
        module.eval()
        due = expected_threshold(counts, p, width)
        found = module.threshold()
        assert_values_match(found, due, dtype=torch.float32, what="the threshold")
        assert_state(module, {"counts": torch.tensor(counts)})


@points(2)
def test_eval_freezes_the_state(student: Student, gen: torch.Generator) -> None:
    """In eval mode nothing is observed, on the first batch neither; training goes on from there."""
    decay, bins = number(gen, 0.4, 0.8), 7
    batches = [draw_sizes(gen, shape, 0.5, bins) for shape in odd_shapes(gen, 2, 6)]
    average, histogram = student.MinMaxEMA(decay), student.HistogramObserver(0.9, 3.5, bins)
    seen: Batches = []
    for i, batch in enumerate(batches):
        # Gradients being off says nothing about the mode.
        with torch.set_grad_enabled(i < 3):
            for module in (average, histogram):
                module.train(i % 2 == 1)
                module(batch)
        if i % 2:
            seen.append(batch)
        assert_range(average, expected_range(seen, decay))
        assert_counts(histogram, seen, 0.5, bins)


@points(2)
def test_state_can_be_saved_and_loaded(student: Student, gen: torch.Generator) -> None:
    """The buffers are the whole state: an observer that loads it goes on as the other would."""
    decay, bins = number(gen, 0.4, 0.8), 5
    first, second = ([draw_sizes(gen, (3, 7), 0.5, bins) for _ in range(2)] for _ in range(2))
    average = feed(student.MinMaxEMA(decay), first)
    histogram = feed(student.HistogramObserver(0.9, 2.5, bins), first)
    large = torch.tensor([1 << 24, 3, 0, 1 << 26, 5])
    # One that has seen nothing, and one that has seen something else, take over.
    for before in ([], [7 * second[1]]):
        heir = feed(student.MinMaxEMA(decay), before)
        heir.load_state_dict(average.state_dict())
        assert_range(feed(heir, second), expected_range([*first, *second], decay))
        heir.load_state_dict(student.MinMaxEMA(decay).state_dict())
        assert_range(feed(heir, second), expected_range(second, decay))
        counter = feed(student.HistogramObserver(0.9, 2.5, bins), before)
        counter.load_state_dict(histogram.state_dict())
        assert_counts(feed(counter, second), [*first, *second], 0.5, bins)
        counter.load_state_dict({"counts": large})
        due = large + expected_counts(second, 0.5, bins)
        assert_state(feed(counter, second), {"counts": due})


@in_worker
def copy_between(student: Any, first: list[Any], second: list[Any], decay: float) -> Any:
    """Return the states of observers, and of their copies, which alone saw the second batches."""
    from copy import deepcopy  # noqa: PLC0415 - in the worker

    states = []
    for module in (student.MinMaxEMA(decay), student.HistogramObserver(0.9, 2.5, 5)):
        for batch in first:
            module(batch)
        twin = deepcopy(module)
        for batch in second:
            twin(batch)
        states += [dict(module.state_dict()), dict(twin.state_dict())]
    return states


@points(1)
def test_copies_go_separate_ways(student: Student, gen: torch.Generator) -> None:
    """A deep copy goes on with the state so far, and shares nothing with the original."""
    decay = number(gen, 0.4, 0.8)
    first, second = ([draw_sizes(gen, (4, 3), 0.5, 5) for _ in range(2)] for _ in range(2))
    for batch in first:
        batch.requires_grad_()
    states = copy_between(student, first, second, decay)
    seen = (first, [*first, *second])
    ranges = [expected_range(batches, decay) for batches in seen]
    due: list[dict[str, torch.Tensor]] = [
        {"low": torch.tensor(low), "high": torch.tensor(high)} for low, high in ranges
    ]
    due += [{"counts": expected_counts(batches, 0.5, 5)} for batches in seen]
    assert_values_match(states, due, scale=2.0, what="the states of originals and copies")


@in_worker
def pass_through(student: Any, x: torch.Tensor) -> Any:
    """Return, for each observer and mode, whether x came back and whether a graph was kept.

    After these three pairs comes the state.
    """
    answers: list[Any] = []
    for module in (student.MinMaxEMA(0.5), student.HistogramObserver(0.9, 2.5, 5)):
        for mode in (True, True, False):
            module.train(mode)
            inner = x * 1  # not a leaf
            same = module(inner) is inner
            answers.append([same, any(b.requires_grad for b in module.buffers())])
        answers.append({name: b.detach() for name, b in module.state_dict().items()})
    return answers


@fresh  # what an earlier call left behind would hide what this one changes
@points(2)
def test_input_passes_unchanged(student: Student, gen: torch.Generator) -> None:
    """The result is x itself, with its gradient, in both modes; no graph stays in the buffers."""
    decay, bins = number(gen, 0.4, 0.8), 5
    batches = [draw_sizes(gen, shape, 0.5, bins) for shape in odd_shapes(gen, 3, 3)]
    batches[1] = spoiled(gen, batches[1])
    upstreams = [draw(gen, *batch.shape) for batch in batches]
    average, histogram = student.MinMaxEMA(decay), student.HistogramObserver(0.9, 2.5, bins)
    for module in (average, histogram):
        for i in (0, 1, 2):
            module.train(i < 2)
            x = batches[i].clone().requires_grad_()
            with watch(student, forbidden=()) as seen:
                y = module(x)
            if not y.requires_grad:
                raise Mismatch("No gradient passes from the result to x.")
            (found,) = torch.autograd.grad(y, x, upstreams[i])
            assert_values_match(y, batches[i], equal_nan=True, what="the result", c=1e-9)
            assert_values_match(found, upstreams[i], what="the gradient of x")
            if seen.mutated:
                raise Mismatch("The observer changed x in place.")
            for name in seen.changed:
                raise Mismatch(f"The observer changed {name} and left it so.")
    assert_range(average, expected_range(batches[:2], decay))
    assert_counts(histogram, batches[:2], 0.5, bins)
    x = batches[0].requires_grad_()
    answers = pass_through(student, x)
    passed = [[True, False]] * 3
    low, high = torch.tensor(min(finite(x))), torch.tensor(max(finite(x)))
    counts = expected_counts([x, x], 0.5, bins)
    for name, part, state in (
        ("MinMaxEMA", answers[:4], {"low": low, "high": high}),
        ("HistogramObserver", answers[4:], {"counts": counts}),
    ):
        if not all(same for same, _ in part[:3]):
            raise Mismatch(f"`{name}` does not return x itself.")
        if part[:3] != passed:
            raise Mismatch(f"The buffers of `{name}` keep the graph of a batch.")
        assert_values_match(part[3], state, what=f"the state of `{name}`")


@points(2)
def test_any_dtype_and_layout(student: Student, gen: torch.Generator) -> None:
    """Batches of any floating dtype and any strides are observed in float32 at least."""
    decay, bins = number(gen, 0.4, 0.8), 2048
    limit = number(gen, 9, 11)
    width = limit / bins
    for dtype in FLOATING:
        drawn = draw_sizes(gen, odd_shapes(gen, 3, 1)[0], width, bins, dtype)
        batches = [layout for _, layout in strided(drawn)]
        average = student.MinMaxEMA(decay)
        histogram = student.HistogramObserver(0.9, limit, bins)
        for module in (average, histogram):
            y = feed(module, batches[:-1])(batches[-1])
            assert_values_match(y, batches[-1], what="the result")
        assert_range(average, expected_range(batches, decay))
        assert_counts(histogram, batches, width, bins)


@points(1)
def test_bad_settings_are_refused(student: Student, gen: torch.Generator) -> None:
    """A `decay`, `p`, `limit` or `bins` out of its range raises a ValueError."""
    batch = draw_sizes(gen, (2, 3), 0.5, 5)
    assert_range(feed(student.MinMaxEMA(0.0), [batch]), expected_range([batch], 0.0))
    assert_counts(feed(student.HistogramObserver(1.0, 2.5, 5), [batch]), [batch], 0.5, 5)
    for decay in (1.0, 1.5, -0.1):
        assert_refused(partial(student.MinMaxEMA, decay), ValueError, f"`decay` {decay}")
    bad = {
        "p": [(0.0, 2.5, 5), (-0.5, 2.5, 5), (1.5, 2.5, 5), (90.0, 2.5, 5)],
        "limit": [(0.5, 0.0, 5), (0.5, -2.5, 5), (0.5, math.inf, 5)],
        "bins": [(0.5, 2.5, 0), (0.5, 2.5, -1)],
    }
    for name, cases in bad.items():
        for case in cases:
            value = case[("p", "limit", "bins").index(name)]
            build = partial(student.HistogramObserver, *case)
            assert_refused(build, ValueError, f"`{name}` {value}")


@points(1)
def test_nothing_observed_is_told(student: Student, gen: torch.Generator) -> None:
    """Without a batch `qparams` and `threshold` raise a RuntimeError, and make up no range."""
    batch, far = draw_sizes(gen, (2, 3), 0.5, 3), torch.full((2,), 2.75)
    average, histogram = student.MinMaxEMA(0.5), student.HistogramObserver(1.0, 2.5, 5)
    for module in (average, histogram):
        feed(module.eval(), [batch])
        feed(module.train(), nowhere(gen))
    assert_refused(average.qparams, RuntimeError, "a range without a batch")
    assert_refused(histogram.threshold, RuntimeError, "a threshold without a batch")
    # The last batch moves range and threshold, which are not to be remembered.
    for batches in ([batch], [batch, far]):
        feed(average, batches[-1:])
        feed(histogram, batches[-1:])
        low, high = expected_range(batches, 0.5)
        step = torch.tensor((max(high, 0.0) - min(low, 0.0)) / 255, dtype=torch.float64)
        scale, _ = average.qparams()
        assert_values_match(scale, step, dtype=torch.float32, what="the scale")
        due = expected_threshold(expected_counts(batches, 0.5, 5).tolist(), 1.0, 0.5)
        assert_values_match(histogram.threshold(), due, dtype=torch.float32, what="the threshold")
