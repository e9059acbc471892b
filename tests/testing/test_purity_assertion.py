"""`assert_pure`: arguments, memory and global state as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.sandbox.observe import observe
from dlcourse.testing.mismatch import Mismatch
from dlcourse.testing.purity import assert_pure, assert_view_of
from dlcourse.testing.replicas import replicas

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlcourse.sandbox.observation import Observation


class Local:
    """A function under observation in this very process, on arguments of its own."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def observed(self, *args: Any, **kwargs: Any) -> Observation:
        """Call the function with replicas, as the worker would."""
        return observe(self.function, replicas(args), replicas(kwargs))


def refused(function: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[str, ...]:
    """Return the sentences with which a function is called impure."""
    with pytest.raises(Mismatch) as caught:
        assert_pure(Local(function), *args, **kwargs)
    return caught.value.observed


def x() -> torch.Tensor:
    """Return an argument with NaN, a negative zero and strides of its own."""
    values = torch.tensor([[1.0, torch.nan], [-0.0, torch.inf], [3.0, 4.0]])
    return values.T


def test_a_pure_function_passes() -> None:
    """NaN among the arguments is equal to itself here."""
    nested = {"a": [x(), 1, float("nan"), "text", None, True]}
    assert_pure(Local(lambda value, *, extra: value.exp() if extra else None), x(), extra=nested)


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (lambda value: value.add_(1), "its values differ"),
        (lambda value: value[1, 1].fill_(5.0), "its values differ"),
        (lambda value: value.abs_(), "its values differ"),
        (lambda value: value.t_(), "its shape differs"),
        (lambda value: value.unsqueeze_(0), "its shape differs"),
        (lambda value: value.requires_grad_(), "its requires_grad differs"),
        (lambda value: setattr(value, "data", value.contiguous()), "its strides differ"),
        (lambda value: setattr(value, "data", value.double()), "its dtype differs"),
    ],
)
def test_an_argument_changed_in_place_is_named(
    edit: Callable[[torch.Tensor], object], change: str
) -> None:
    """Values (the sign of a zero included), dtype, shape, strides and requires_grad must stay."""
    sentences = refused(lambda _, value: (edit(value), 0)[1], 1, x())
    assert sentences == (f"The 2nd argument was changed in place: {change}.",)


def test_a_keyword_is_named_in_backticks() -> None:
    """Keyword arguments are judged like the others."""
    sentences = refused(lambda *, mask: mask.zero_() is None, mask=torch.ones(1))
    assert sentences == ("The argument `mask` was changed in place: its values differ.",)


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (lambda bag: bag["a"].append(1), "it holds other elements"),
        (lambda bag: bag.pop("a"), "it holds other elements"),
        (lambda bag: bag.update(b=3), "it holds another value"),
        (lambda bag: bag.update(b=2.0), "it holds another value"),
        (lambda bag: bag.update(b=torch.ones(1)), "it holds another value"),
        (lambda bag: bag["a"].__setitem__(0, None), "it holds another value"),
        (lambda bag: bag["a"][0].zero_(), "its values differ"),
    ],
)
def test_a_changed_container_is_told(edit: Callable[[Any], object], change: str) -> None:
    """Lists and dictionaries keep their elements, tensors inside them their values."""
    sentences = refused(lambda bag: (edit(bag), 0)[1], {"a": [x()], "b": 2})
    assert sentences == (f"The 1st argument was changed in place: {change}.",)


def test_a_result_that_shares_memory_names_the_argument() -> None:
    """A view of an argument is no new tensor, unless a view is what is asked for."""

    def view(_: object, pair: list[torch.Tensor]) -> list[torch.Tensor]:
        return [pair[1][0], pair[1][1:]]

    arguments = (torch.ones(2), [torch.ones(3), x()])
    assert refused(view, *arguments) == (
        "The result shares memory with the 2nd argument: return a tensor of its own.",
    )
    assert_pure(Local(view), *arguments, may_alias=True)


def test_changed_global_state_is_named() -> None:
    """Drawing from the global generator is seen, and so is every further sin."""

    def draw(value: torch.Tensor) -> torch.Tensor:
        return value.mul_(torch.rand(()))

    with torch.random.fork_rng(devices=[]):
        sentences = refused(draw, torch.ones(2))
    assert sentences == (
        "The 1st argument was changed in place: its values differ.",
        "The result shares memory with the 1st argument: return a tensor of its own.",
        "The call changed torch's global random state and left it so.",
    )


def test_a_generator_may_advance() -> None:
    """A generator that is given is there to be used."""

    def draw(gen: torch.Generator) -> torch.Tensor:
        return torch.rand(3, generator=gen)

    assert_pure(Local(draw), torch.Generator().manual_seed(0))


def test_the_originals_are_judged_as_they_were_before_the_call() -> None:
    """An observer that hands over the very arguments does not hide their change."""

    class Careless:
        def observed(self, *args: Any, **kwargs: Any) -> Observation:
            return observe(torch.Tensor.zero_, args, kwargs)

    with pytest.raises(Mismatch, match="1st argument was changed in place: its values differ"):
        assert_pure(Careless(), torch.ones(3), may_alias=True)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.bfloat16, torch.complex64])
def test_every_dtype_is_compared_by_its_bytes(dtype: torch.dtype) -> None:
    """Scalars and empty tensors of every dtype are compared."""
    assert_pure(Local(lambda *_: None), torch.ones((), dtype=dtype), torch.ones(0, 2, dtype=dtype))
    refused(lambda value: value.zero_() is None, torch.ones((), dtype=dtype))


def test_a_view_shares_the_memory_of_the_named_argument() -> None:
    """A view of another argument is none of this one, and neither is a copy."""
    assert_view_of(Local(lambda a, _: a.T), x(), x())
    assert_view_of(Local(lambda _, *, b: b[1:]), x(), b=x(), of="b")
    for wrong in (lambda a, _: a.clone(), lambda _, b: b, lambda a, _: a.reshape(-1)):
        with pytest.raises(Mismatch) as caught:
            assert_view_of(Local(wrong), x(), x())
        told = "The result shares no memory with the 1st argument: return a view."
        assert caught.value.observed == (told,)
    with pytest.raises(Mismatch, match="changed in place"):
        assert_view_of(Local(lambda a: a.mul_(2)), x())
