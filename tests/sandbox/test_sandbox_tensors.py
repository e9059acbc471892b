"""Tensors on the wire: what survives, what is refused, and what never leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from dlcourse.sandbox.tensors import (
    DTYPES,
    MAX_LEAD_BYTES,
    MAX_TENSOR_BYTES,
    Malformed,
    Unsendable,
    build,
    pack,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def there(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor as it arrives."""
    description, data = pack(tensor)
    spec = parse(description, data.nbytes)
    storage = torch.zeros(spec.lead + spec.payload, dtype=torch.uint8)
    storage.numpy()[spec.lead :] = memoryview(data)
    return build(spec, storage)


def layouts() -> dict[str, torch.Tensor]:
    """One tensor in every layout that suites and graded code make."""
    base = torch.arange(24.0).reshape(4, 6)
    return {
        "plain": base,
        "scalar": torch.tensor(3.5),
        "empty": torch.empty(0, 3),
        "empty transposed": torch.empty(0, 3).T,
        "empty at an offset": base[4:],
        "transposed": base.T,
        "sliced": base[:, ::2],
        "offset": base[1:],
        "one row": base[2:3],
        "one column": base[:, 3:4],
        "one column transposed": base[:, 3:4].T,
        "expanded": base[:1].expand(5, 6),
        "expanded scalar": torch.tensor(1.0).expand(3, 2),
        "windows": torch.arange(9.0).unfold(0, 4, 2),
        "permuted": torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1),
        "channels last": torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "a gap where the count fits": base.view(-1).as_strided((2, 2), (0, 3)),
    }


@pytest.mark.parametrize("layout", layouts())
def test_a_layout_survives(layout: str) -> None:
    """Values, shape, strides and offset arrive as they were."""
    tensor = layouts()[layout]
    result = there(tensor)
    assert torch.equal(result, tensor)
    assert result.stride() == tensor.stride()
    assert result.storage_offset() == tensor.storage_offset()


@pytest.mark.parametrize("name", DTYPES)
def test_a_dtype_survives_bit_for_bit(name: str) -> None:
    """Every dtype of the wire keeps its bits, those of NaN and infinity included."""
    tensor = torch.tensor([0, 1, 3]).to(DTYPES[name])
    if tensor.dtype.is_floating_point:
        tensor = torch.cat([tensor, torch.tensor([float("nan"), float("-inf"), -0.0]).to(tensor)])
    result = there(tensor)
    assert result.dtype is tensor.dtype
    assert torch.equal(result.view(torch.uint8), tensor.view(torch.uint8))


@pytest.mark.parametrize("lazy", [lambda z: z.conj(), lambda z: z.conj().imag])
def test_lazy_bits_are_resolved(lazy: Any) -> None:
    """A conjugate or a negative that torch has only noted arrives as the values it stands for."""
    tensor = lazy(torch.tensor([1 + 2j, 3 - 4j]))
    result = there(tensor)
    assert torch.equal(result, tensor.resolve_conj().resolve_neg())
    assert not result.is_conj()
    assert not result.is_neg()


def test_a_parameter_and_a_subclass_arrive_as_plain_tensors() -> None:
    """No type of graded code crosses."""

    class Loud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *_: object, **__: object) -> Any:
            raise AssertionError("a hook ran")

    assert type(there(torch.nn.Parameter(torch.ones(2)))) is torch.Tensor
    assert type(there(torch.ones(2).as_subclass(Loud))) is torch.Tensor


def test_autograd_state_is_described() -> None:
    """Whether a tensor requires a gradient, and is a leaf, is part of the description."""
    leaf = torch.ones(2, requires_grad=True)
    for tensor, grad, is_leaf in ((leaf, True, True), (leaf * 2, True, False), (leaf.data, 0, 1)):
        description, data = pack(tensor)
        spec = parse(description, data.nbytes)
        assert (spec.requires_grad, spec.is_leaf) == (grad, is_leaf)


def test_what_lies_between_the_elements_stays_here() -> None:
    """The memory around a view, which may hold expected values, is not sent."""
    secret = torch.full((4, 6), 42, dtype=torch.uint8)
    secret[1:3, 1::2] = 0
    secret.view(-1)[[20, 23]] = 0
    for view in (secret[1:3, 1::2], secret.view(-1).as_strided((2, 2), (0, 3), 20)):
        description, data = pack(view)
        assert 42 not in bytes(data)
        assert "stride" in description


EXOTIC: dict[str, Callable[[], torch.Tensor]] = {
    "a sparse_coo tensor": lambda: torch.eye(2).to_sparse(),
    "a sparse_csr tensor": lambda: torch.eye(2).to_sparse_csr(),
    "a tensor on the device meta": lambda: torch.empty(2, device="meta"),
    "a tensor of dtype uint16": lambda: torch.zeros(2, dtype=torch.uint16),
    "a nested tensor": lambda: torch.nested.nested_tensor([torch.ones(2)], layout=torch.jagged),
    "a tensor of dtype qint8": lambda: torch.quantize_per_tensor(
        torch.ones(2), 1.0, 0, torch.qint8
    ),
    "a tensor of 17 dimensions": lambda: torch.ones([1] * 17),
}


@pytest.mark.parametrize("kind", EXOTIC)
@pytest.mark.filterwarnings("ignore")  # torch warns that some of these are young or old
def test_what_the_wire_does_not_carry_is_named(kind: str) -> None:
    """Each exotic kind of tensor is refused where it is sent, in words."""
    with pytest.raises(Unsendable) as refused:
        pack(EXOTIC[kind]())
    assert str(refused.value) == kind


def test_a_thinly_spread_view_is_sent_compact() -> None:
    """A view whose span exceeds the limit arrives with its values, without its strides."""
    elements = 2
    tensor = torch.empty(MAX_TENSOR_BYTES // 4 + 2)[:: MAX_TENSOR_BYTES // 4 + 1].fill_(5.0)
    assert tensor.numel() == elements
    result = there(tensor)
    assert torch.equal(result, torch.full((elements,), 5.0))
    assert result.is_contiguous()


def test_a_far_offset_is_given_up_before_memory_is() -> None:
    """Storage before the first element is kept only while the frame has room for it."""
    tensor = torch.arange(6.0)[2:]
    description, _ = pack(tensor, room=7)
    assert "offset" not in description
    description, _ = pack(tensor, room=8)
    assert description["offset"] == 2


GOOD: dict[str, Any] = {"dtype": "float32", "shape": [2, 3], "bytes": 24}
BIG = 1 << 40
BAD: dict[str, Any] = {
    "no object": [],
    "a string": "float32",
    "no dtype": {"dtype": None},
    "a dtype of another type": {"dtype": 7},
    "a dtype as list": {"dtype": ["float32"]},
    "an unknown dtype": {"dtype": "float128"},
    "a quantised dtype": {"dtype": "qint8"},
    "an attribute of torch": {"dtype": "nn"},
    "no shape": {"shape": None},
    "a shape as string": {"shape": "23"},
    "a negative extent": {"shape": [-2, -3]},
    "a fraction": {"shape": [2.0, 3]},
    "a boolean extent": {"shape": [True, 6]},
    "too many dimensions": {"shape": [1] * 17},
    "a giant extent": {"shape": [BIG, BIG]},
    "a giant of nothing": {"shape": [0, 1 << 48, 1 << 48], "bytes": 0},
    "a product beyond 64 bits": {"shape": [1 << 32, 1 << 32], "bytes": 0},
    "a shape that does not fit": {"shape": [2, 4]},
    "no bytes": {"bytes": None},
    "too few bytes": {"bytes": 20},
    "too many bytes": {"bytes": 28},
    "negative bytes": {"bytes": -24},
    "boolean bytes": {"bytes": True},
    "a stride as number": {"stride": 1},
    "a stride that is too short": {"stride": [1]},
    "a stride that is too long": {"stride": [3, 1, 1]},
    "a negative stride": {"stride": [3, -1]},
    "a stride beyond its bytes": {"stride": [100, 1]},
    "a giant stride": {"stride": [BIG, 1]},
    "no stride": {"stride": None},
    "an offset without a stride": {"offset": 1},
    "a negative offset": {"stride": [3, 1], "offset": -1},
    "a giant offset": {"stride": [3, 1], "offset": BIG},
    "an offset beyond its room": {"stride": [3, 1], "offset": MAX_LEAD_BYTES // 4 + 1},
    "an offset as string": {"stride": [3, 1], "offset": "1"},
    "terabytes under a stride of zero": {"shape": [BIG], "stride": [0], "bytes": 4},
    "a gigabyte under a stride of zero": {"shape": [1 << 28], "stride": [0], "bytes": 4},
    "grad as number": {"grad": 1},
    "grad as null": {"grad": None},
    "inner as string": {"inner": "no"},
}


def test_the_description_that_the_bad_ones_change_is_good() -> None:
    """Without the change, none of the next test's descriptions would be refused."""
    assert parse(GOOD, 24).shape == (2, 3)


@pytest.mark.parametrize("bad", BAD)
def test_a_malformed_description_is_refused(bad: str) -> None:
    """Each field of a wrong type, range or product is refused before anything is allocated."""
    change = BAD[bad]
    description = {**GOOD, **change} if isinstance(change, dict) else change
    with pytest.raises(Malformed):
        parse(description, 1 << 20)


def test_bytes_beyond_the_frame_are_refused() -> None:
    """A description cannot claim more than the frame announced."""
    with pytest.raises(Malformed):
        parse(GOOD, 23)


def test_only_numbers_with_fractions_can_require_a_gradient() -> None:
    """A gradient that is asked for an integer is left out: torch would raise."""
    spec = parse({"dtype": "int64", "shape": [1], "bytes": 8, "grad": True}, 8)
    assert not spec.requires_grad


def test_bytes_of_booleans_become_booleans() -> None:
    """Any byte but 0 counts as true, and none stays in memory, where it would be undefined."""
    spec = parse({"dtype": "bool", "shape": [4], "bytes": 4}, 4)
    result = build(spec, torch.tensor([0, 1, 2, 255], dtype=torch.uint8))
    assert result.tolist() == [False, True, True, True]
    assert result.view(torch.uint8).tolist() == [0, 1, 1, 1]


def test_what_arrives_can_be_edited_in_place() -> None:
    """A tensor from the wire is no view that torch protects."""
    result = there(torch.ones(2, 3).T).requires_grad_()
    with torch.no_grad():
        result.mul_(2)
    assert result.sum() == 12
