"""Values on the wire: what survives, what is refused where it is sent, what where it arrives."""

from __future__ import annotations

import enum
import json
import sys
from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest
import torch

from dlcourse.sandbox.decoder import Decoder
from dlcourse.sandbox.generators import restore
from dlcourse.sandbox.tensors import MAX_LEAD_BYTES, Malformed, Unsendable
from dlcourse.sandbox.values import MAX_DEPTH, MAX_GENERATORS, MAX_NODES, MAX_TEXT, Encoder

Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - graded code uses the untyped kind


class Number(enum.IntEnum):
    """An integer with a name."""

    SEVEN = 7


class Word(str, enum.Enum):  # noqa: UP042 - the kind whose `str()` is not its text
    """A string with a name."""

    RED = "red"


def there(value: Any) -> Any:
    """The value as it arrives."""
    encoder = Encoder()
    tree = json.loads(json.dumps(encoder.encode(value), allow_nan=False))
    return Decoder(encoder.tensors).decode(tree)


PLAIN: list[Any] = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**200), 0.0, -0.0, 1.5, 5e-324,
    float("inf"), float("-inf"), 2 - 3j, complex(float("inf"), -0.0), "", "tensor", "$",
    "ä\u2028\0",
    b"", b"\x00\xff", [], [1, [2.0, "x"]], (), (1, (2,)), {},
    {"a": 1, 2: "b", (3, "c"): None}, {None: 0, 1.5: 1, b"k": 2, True: 3, torch.int8: 4},
    {frozenset({1}): 5},
    set(), {1, "a"}, frozenset({(1, 2)}), torch.Size([2, 0]), torch.float16, torch.device("cpu"),
    slice(1, None, -2),
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_a_plain_value_survives_with_its_type(value: Any) -> None:
    """Numbers, texts and containers of every kind arrive equal and of the same type."""
    result = there(value)
    assert result == value
    assert type(result) is type(value)
    assert repr(result) == repr(value) or isinstance(value, set | frozenset)


def test_nan_survives() -> None:
    """NaN, which JSON lacks, arrives as NaN."""
    assert repr(there([float("nan"), complex(0, float("nan"))])) == "[nan, nanj]"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Number.SEVEN, 7),
        (Word.RED, "red"),
        (Pair(1, 2), (1, 2)),
        (OrderedDict(a=1), {"a": 1}),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(1), True),
        ({np.int64(3): 1}, {3: 1}),
    ],
)
def test_a_subclass_arrives_as_the_builtin(value: Any, plain: Any) -> None:
    """What comes out is of exact builtin types, whatever went in."""
    result = there(value)
    assert result == plain
    assert type(result) is type(plain)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3).T, np.array(2.5), np.zeros((0, 2)),
        np.arange(4)[::-1], np.array([True, False]), np.array([1j]), np.array([1.5], np.float16),
    ],
)  # fmt: skip
def test_an_array_survives(array: np.ndarray[Any, Any]) -> None:
    """A NumPy array keeps values, shape and dtype, with no, few or backward elements."""
    result = there(array)
    assert type(result) is np.ndarray
    assert result.dtype == array.dtype
    assert result.shape == array.shape
    assert np.array_equal(result, array)


def test_an_array_that_is_locked_can_be_sent() -> None:
    """A read-only array crosses without a warning."""
    array = np.arange(3)
    array.flags.writeable = False
    assert there(array).tolist() == [0, 1, 2]


def test_one_tensor_met_twice_stays_one() -> None:
    """Identity within a call survives, so `f(x, x)` is a call on one tensor."""
    x = torch.ones(2)
    encoder = Encoder()
    first, second, other = Decoder([x]).decode(encoder.encode([x, x, (x,)]))
    assert first is second
    assert other[0] is first
    assert len(encoder.tensors) == 1


def test_far_offsets_share_the_frames_room() -> None:
    """Storage before the first elements is bounded over all tensors of a value."""
    tail = torch.zeros(MAX_LEAD_BYTES // 2 + 1, dtype=torch.uint8)[-1:]
    encoder = Encoder()
    encoder.encode([tail, tail.view(1), tail.view(1)])
    kept = [description.get("offset", 0) for description in encoder.descriptions]
    assert kept == [MAX_LEAD_BYTES // 2, MAX_LEAD_BYTES // 2, 0]


def test_one_generator_met_twice_stays_one() -> None:
    """A generator that is passed twice is one generator there, in the same state."""
    generator = torch.Generator().manual_seed(3)
    first, second = there([generator, generator])
    assert first is second
    assert torch.equal(first.get_state(), generator.get_state())


class _Liar:
    """Says of itself that it is a tensor."""

    @property  # type: ignore[misc] # the lie
    def __class__(self) -> type:
        return torch.Tensor


def nested(depth: int) -> list[Any]:
    """Lists in lists."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def cyclic() -> list[Any]:
    """A list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "a value of type `object`"),
        (len, "a value of type `builtin_function_or_method`"),
        (range(3), "a value of type `range`"),
        (_Liar(), "a value of type `_Liar`"),
        (torch.nn.Linear(1, 1), "a value of type `Linear`"),
        (nested(MAX_DEPTH + 1), "a value nested too deeply or with too many parts"),
        (cyclic(), "a value nested too deeply or with too many parts"),
        ([0] * (MAX_NODES + 1), "a value nested too deeply or with too many parts"),
        ("x" * (MAX_TEXT + 1), "a string that is too long"),
        (b"x" * MAX_TEXT, "bytes that are too many"),
        (10**4300, "an integer of thousands of digits"),
        (torch.uint32, "the dtype torch.uint32"),
        (torch.device("cuda", 1), "the device cuda:1"),
        (np.array(["text"]), "a NumPy array of dtype <U4"),
        (np.array([1.0]).astype(">f8"), "a NumPy array of dtype >f8"),
        ({torch.ones(1): 1}, "a key or a member of a set of type `Tensor`"),
        ({(1, torch.Generator()): 1}, "a key or a member of a set of type `tuple`"),
        (
            [torch.Generator() for _ in range(MAX_GENERATORS + 1)],
            "a value with too many generators",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
)
def test_what_cannot_cross_is_named_where_it_is_sent(value: Any, kind: str) -> None:
    """The sender learns in words what cannot cross; the receiver never sees it."""
    with pytest.raises(Unsendable) as refused:
        Encoder().encode(value)
    assert str(refused.value) == kind


@pytest.mark.parametrize("value", [nested(MAX_DEPTH), [0] * (MAX_NODES - 1), 10**4200])
def test_the_limits_themselves_are_kept_on_both_sides(value: Any) -> None:
    """What is sent at the limit is accepted at the limit."""
    assert there(value) == value


def test_a_complex_number_at_the_deepest_place_arrives() -> None:
    """The parts of a number count as parts on both sides alike."""
    value: Any = 1j
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert there(value) == value


def test_an_integer_that_arrives_can_be_printed() -> None:
    """No integer is let in that Python itself would refuse to show."""
    largest = there(16**3490)
    assert len(str(largest)) < sys.get_int_max_str_digits()


X = torch.ones(2)
STATE = torch.Generator().get_state()
PLAIN_TENSORS = [X, STATE, torch.ones(2, dtype=torch.bfloat16), torch.ones(2, requires_grad=True)]


def tagged(tag: Any, value: Any = None, **fields: Any) -> dict[str, Any]:
    """A tagged tree."""
    return {"$": tag, "v": value, **fields}


BAD: list[Any] = [
    {}, {"v": 1}, {"$": None}, {"$": 1}, {"$": ["tuple"]}, {"$": {}}, tagged("pickle", "x"),
    tagged("Tensor", i=0), 1 << 63, -(1 << 63) - 1, float("inf"), "x" * (MAX_TEXT + 1),
    nested(MAX_DEPTH + 1), [0] * MAX_NODES,
    tagged("tensor"), tagged("tensor", i=-1), tagged("tensor", i=4), tagged("tensor", i=True),
    tagged("tensor", i=0.0), tagged("tensor", i="0"), tagged("tensor", i=[0]),
    tagged("ndarray", i=9), tagged("ndarray", i=2), tagged("ndarray", i=3),
    tagged("tuple"), tagged("tuple", "ab"), tagged("tuple", {}), tagged("tuple", [{}]),
    tagged("set", 1), tagged("set", [[]]), tagged("set", [tagged("tensor", i=0)]),
    tagged("set", [1, 1]), tagged("set", [1, True]), tagged("set", [1, 1.0]),
    tagged("frozenset", [0, False]), tagged("frozenset", [tagged("set", [])]),
    tagged("dict"), tagged("dict", {}), tagged("dict", [1]), tagged("dict", [[1]]),
    tagged("dict", [[1, 2, 3]]), tagged("dict", ["ab"]), tagged("dict", [[[], 1]]),
    tagged("dict", [[tagged("dict", []), 1]]), tagged("dict", [[tagged("tensor", i=0), 1]]),
    tagged("dict", [[tagged("tuple", [tagged("tensor", i=0)]), 1]]),
    tagged("dict", [[tagged("generator", 0, i=1), 1]]), tagged("dict", [["a", 1], ["a", 2]]),
    tagged("dict", [[1, 1], [True, 2]]), tagged("dict", [[tagged("slice", [1, 2, 3]), 1]]),
    tagged("size"), tagged("size", 3), tagged("size", [-1]), tagged("size", [1.0]),
    tagged("size", [True]), tagged("size", [1 << 63]), tagged("size", [None]),
    tagged("float", 1.0), tagged("float", "1.0"), tagged("float", "Infinity"), tagged("float", []),
    tagged("int", 1), tagged("int", ""), tagged("int", "zz"), tagged("int", "0x" + "f" * 4000),
    tagged("complex", [1, 2]), tagged("complex", [1.0]), tagged("complex", [1.0, 2.0, 3.0]),
    tagged("complex", 1.0), tagged("complex", ["a", "b"]), tagged("complex"),
    tagged("bytes", 1), tagged("bytes", "a"), tagged("bytes", "@@@@"), tagged("bytes", "ä" * 4),
    tagged("dtype", "nn"), tagged("dtype", 1), tagged("dtype", ["float32"]), tagged("dtype"),
    tagged("device", "cuda"), tagged("device", "cpu:0"), tagged("device", 0), tagged("device", []),
    tagged("slice"), tagged("slice", [1, 2]), tagged("slice", [1, 2, 3, 4]), tagged("slice", "abc"),
    tagged("generator", 0, i=0), tagged("generator", -1, i=1), tagged("generator", i=1),
    tagged("generator", MAX_GENERATORS, i=1), tagged("generator", "0", i=1),
    {"$": "generator", "v": True, "i": 1},
    tagged("generator", 0, i=7), (1,), object(),
]  # fmt: skip


@pytest.mark.parametrize("tree", BAD, ids=lambda tree: repr(tree)[:60])
def test_a_malformed_tree_is_refused(tree: Any) -> None:
    """Each tag with each field missing, of a wrong type or out of range is Malformed."""
    with pytest.raises(Malformed):
        Decoder(PLAIN_TENSORS).decode(tree)


COLLIDING = [tagged("int", hex(k * (2**61 - 1))) for k in range(1, 1000)]


@pytest.mark.parametrize(
    "keys", [COLLIDING, [tagged("tuple", [key, 5]) for key in COLLIDING]], ids=["ints", "tuples"]
)
def test_keys_that_were_chosen_to_collide_are_refused(keys: list[Any]) -> None:
    """Keys of one hash, which would hold the grader for minutes, are refused before they do."""
    with pytest.raises(Malformed, match="collide"):
        Decoder(()).decode(tagged("set", keys))


def test_many_honest_keys_are_taken() -> None:
    """Tens of thousands of numbers and pairs, as a vocabulary has them, are no attack."""
    value = dict.fromkeys(range(-20_000, 20_000))
    pairs = {(index, index + 1) for index in range(20_000)}
    assert there(value) == value
    assert there(pairs) == pairs


def test_lone_surrogates_become_printable() -> None:
    """Half a character, which JSON may spell, does not reach a report."""
    assert Decoder(()).decode(json.loads('"a\\ud800b"')) == "a?b"


@pytest.mark.parametrize("fill", [0, 1, 127, 255])
def test_a_forged_state_of_a_generator_is_refused(fill: int) -> None:
    """Bytes of the right number that are no state of a generator are refused by torch's check."""
    with pytest.raises(Malformed):
        restore(torch.Generator(), torch.full_like(STATE, fill))


@pytest.mark.parametrize("state", [STATE[:-1], STATE.to(torch.int8), STATE.reshape(1, -1)])
def test_a_state_of_the_wrong_kind_is_refused(state: torch.Tensor) -> None:
    """Shape and dtype of a generator's state are checked before torch sees it."""
    with pytest.raises(Malformed):
        restore(torch.Generator(), state)
