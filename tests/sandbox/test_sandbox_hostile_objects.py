"""A worker that lies about objects and modules: whatever it says, graded code is to blame."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hostile_peer import Peer, answer, frame

from dlcourse.sandbox import mirrors
from dlcourse.sandbox.description import MAX_DEPTH
from dlcourse.sandbox.faults import MissingName, StudentProtocol, WrongAnswer
from dlcourse.sandbox.live import MAX_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

JUNK: list[Any] = ["x", -1, 0, 1.5, [], {}, True, None, 1 << 63, [[]], [None]]
OBJECT: dict[str, Any] = {"$": "object", "h": 5, "c": "Mean", "module": False}
MODULE: dict[str, Any] = {**OBJECT, "c": "Net", "module": True}


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A worker in the test's hands."""
    with Peer() as peer:
        yield peer


def reply(number: int, value: Any, *tensors: torch.Tensor, **fields: Any) -> bytes:
    """An honest answer to a call, but for what the test puts into it."""
    header = {"id": number, "value": value, "outputs": 0, "node": None, "generators": []}
    return answer({**header, **fields}, *tensors)


def each(*values: Any) -> list[Any]:
    """The wrong values of a field."""
    return list(values)


def without(table: Mapping[str, Any], field: str) -> dict[str, Any]:
    """A table that lacks a field."""
    return {key: value for key, value in table.items() if key != field}


# Objects.


@pytest.mark.parametrize(
    "tree",
    [
        *({**OBJECT, "h": bad} for bad in JUNK),
        *({**OBJECT, "c": bad} for bad in each(None, 3, [], {}, 1.5)),
        *({**OBJECT, "module": bad} for bad in each(None, 0, 1, "x", [], {})),
        *(without(OBJECT, field) for field in ("h", "c", "module")),
    ],
)
def test_a_malformed_object_is_refused(peer: Peer, tree: dict[str, Any]) -> None:
    """A number, a text and a flag, or it is no object."""
    submission = peer.submission()
    peer.send(reply(1, tree))
    with pytest.raises(StudentProtocol):
        submission.call("f", (), {})


def test_the_name_of_a_class_is_cut_and_printable(peer: Peer) -> None:
    """It can neither fill nor break a report."""
    submission = peer.submission()
    peer.send(reply(1, {**OBJECT, "c": "\ud800" + "x" * 999}))
    made = submission.call("f", (), {})
    assert repr(made) == f"<graded ?{'x' * 299}>"


def test_too_many_objects_are_refused(peer: Peer) -> None:
    """Their number is bounded, however many answers bring them."""
    submission = peer.submission()
    trees = [{**OBJECT, "h": n} for n in range(1, MAX_OBJECTS + 2)]
    held = []
    for number, start in enumerate(range(0, MAX_OBJECTS, 1000), 1):
        peer.send(reply(number, trees[start : start + 1000]))
        held.append(submission.call("f", (), {}))
    peer.send(reply(len(held) + 1, trees[-1]))
    with pytest.raises(StudentProtocol, match="too many objects"):
        submission.call("f", (), {})


def test_an_object_cannot_become_a_module(peer: Peer) -> None:
    """What a number stands for stays of its kind."""
    submission = peer.submission()
    peer.send(reply(1, OBJECT))
    made = submission.call("f", (), {})
    peer.send(reply(2, MODULE))
    with pytest.raises(StudentProtocol):
        submission.call("f", (), {})
    assert made is not None


def test_no_key_is_an_object(peer: Peer) -> None:
    """Keys compare by value alone."""
    submission = peer.submission()
    peer.send(reply(1, {"$": "dict", "v": [[OBJECT, 1]]}))
    with pytest.raises(StudentProtocol):
        submission.call("f", (), {})


def test_objects_come_with_calls_alone(peer: Peer) -> None:
    """A constant is plain."""
    submission = peer.submission()
    peer.send(answer({"id": 1, "value": OBJECT}))
    with pytest.raises(StudentProtocol):
        submission.value("C")


def test_a_number_may_come_back_before_its_release_was_sent(peer: Peer) -> None:
    """An object whose stand-in went while the worker answered is kept, and not dropped later."""
    submission = peer.submission()
    for number in (1, 2):
        peer.send(reply(number, OBJECT))
    first = submission.call("f", (), {})
    submission.process.drop(5)  # as the collector may do while the next answer is on its way
    del first
    gc.collect()
    second = submission.call("f", (), {})
    submission.process.keep(5)
    peer.send(reply(3, OBJECT))
    assert submission.call("f", (), {}) is second


@pytest.mark.parametrize("operation", ["len", "bool", "contains", "iter", "next"])
@pytest.mark.parametrize("claim", [None, "x", -1, 2.5, [1, 2], {"$": "dict", "v": []}])
def test_python_s_protocols_cannot_be_broken(peer: Peer, operation: str, claim: Any) -> None:
    """What the interpreter would refuse is a wrong answer of graded code."""
    submission = peer.submission()
    peer.send(reply(1, OBJECT))
    made = submission.call("f", (), {})
    peer.send(reply(2, claim))
    uses: dict[str, Callable[[], object]] = {
        "len": lambda: len(made),
        "bool": lambda: bool(made),
        "contains": lambda: 3 in made,
        "iter": lambda: iter(made),
        "next": lambda: next(made),
    }
    with pytest.raises(WrongAnswer):
        uses[operation]()


@pytest.mark.parametrize(
    "value",
    [
        None, 3, {"$": "tuple", "v": []}, {"$": "tuple", "v": [1, None]},
        {"$": "tuple", "v": [True, 3]}, {"$": "tuple", "v": [False]},
        {"$": "tuple", "v": ["x", None]}, {"$": "tuple", "v": [False, 1, 2]},
    ],
)  # fmt: skip
def test_a_malformed_attribute_is_refused(peer: Peer, value: Any) -> None:
    """Whether it is a method, and a value."""
    submission = peer.submission()
    peer.send(reply(1, OBJECT))
    made = submission.call("f", (), {})
    peer.send(reply(2, value))
    with pytest.raises(StudentProtocol):
        _ = made.rate


MISSING: dict[str, Any] = {
    "id": 1, "status": "missing", "class": "Mean", "name": "f", "file": "work.py", "tensors": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *((field, bad) for field in ("class", "name") for bad in each(None, 3, [], {})),
        *(
            ("file", bad)
            for bad in each(None, 3, [], "", "/etc/passwd", "a/b.py", "x" * 201, "a\n")
        ),
    ],
)
def test_a_malformed_missing_name_is_refused(peer: Peer, field: str, wrong: Any) -> None:
    """Texts within bounds, and the plain name of a file."""
    submission = peer.submission()
    peer.send(frame({**MISSING, field: wrong}))
    with pytest.raises(StudentProtocol):
        submission.call("f", (), {})


def test_a_missing_name_is_cut(peer: Peer) -> None:
    """Megabytes of name make no sentence of megabytes."""
    submission = peer.submission()
    peer.send(frame({**MISSING, "class": "C" * 9999, "name": "\ud800" * 9999}))
    with pytest.raises(MissingName) as missing:
        submission.call("f", (), {})
    assert len(str(missing.value)) < 500
    assert str(missing.value).isprintable()


# Descriptions of modules: one with a parameter, a buffer and a child.

CHILD: dict[str, Any] = {
    "h": 6, "c": "Linear", "training": True, "container": None,
    "parameters": [], "buffers": [], "persistent": [], "children": [],
}  # fmt: skip
ROOT: dict[str, Any] = {
    **CHILD, "h": 5, "c": "Net", "parameters": [["w", 1]], "buffers": [["b", 2]],
    "persistent": [True], "children": [["fc", 6]],
}  # fmt: skip
DESCRIBED: dict[str, Any] = {
    "id": 2, "modules": [CHILD, ROOT], "values": [[1, 0, True], [2, 1, False]],
}  # fmt: skip
TENSORS = (torch.ones(3), torch.arange(2))


def described(peer: Peer, description: Mapping[str, Any], *tensors: torch.Tensor) -> Any:
    """Return the module of a call whose answer is described so."""
    submission = peer.submission()
    peer.send(reply(1, MODULE))
    peer.send(answer(description, *(tensors or TENSORS)))
    return submission.call("f", (), {})


def test_the_description_that_the_others_change_is_good(peer: Peer) -> None:
    """Without the change, the next tests' modules would be mirrored."""
    mirror = described(peer, DESCRIBED)
    assert [name for name, _ in mirror.named_modules()] == ["", "fc"]
    assert mirror.w.requires_grad
    assert mirror.b.tolist() == [0, 1]


def changed_root(**fields: Any) -> dict[str, Any]:
    """The description with some fields of the outer module changed."""
    return {**DESCRIBED, "modules": [CHILD, {**ROOT, **fields}]}


NAMES: list[Any] = ["", "a.b", "x" * 301, "\ud800", None, 3, True, [], {}]
DESCRIPTIONS: list[dict[str, Any]] = [
    *({**DESCRIBED, "modules": bad} for bad in JUNK),
    *({**DESCRIBED, "values": bad} for bad in JUNK if bad != []),
    *({**DESCRIBED, "values": [entry, [2, 1, False]]} for entry in (
        [], [1], [1, 0], [1, 0, True, 3], ["1", 0, True], [0, 0, True], [1, 2, True],
        [1, -1, True], [1, True, True], [1, 0, 1], [1, 0, None], [2, 0, False], [1, 1, False],
    )),
    {**DESCRIBED, "values": [[1, 0, True], [2, 1, True]]},  # integers have no gradient
    {**DESCRIBED, "values": [[1, 0, True]]},
    {**DESCRIBED, "modules": [ROOT]},
    {**DESCRIBED, "modules": [CHILD]},
    {**DESCRIBED, "modules": [CHILD, CHILD, ROOT]},
    {**DESCRIBED, "modules": [CHILD, ROOT, {**CHILD, "h": 7}]},  # nobody asked for it
    {**DESCRIBED, "modules": [{**CHILD, "children": [["up", 5]]}, ROOT]},  # a circle
    *(changed_root(**{field: bad}) for field in ("parameters", "buffers", "children")
      for bad in JUNK if bad != []),
    *(changed_root(parameters=[[bad, 1]]) for bad in NAMES),
    *(changed_root(children=[[bad, 6]]) for bad in NAMES),
    changed_root(parameters=[["w", 1], ["w", 1]]),
    changed_root(parameters=[["b", 1]]),
    changed_root(children=[["w", 6]]),
    changed_root(parameters=[["w", 3]]),
    changed_root(children=[["fc", 8]]),
    changed_root(persistent=[]), changed_root(persistent=[1]), changed_root(persistent=None),
    *(changed_root(training=bad) for bad in each(None, 1, "x", [])),
    *(changed_root(container=bad) for bad in each("Tower", 3, [], {})),
    *(changed_root(h=bad) for bad in each(None, 0, -1, "5", 7)),
    *(changed_root(c=bad) for bad in each(None, 3, [])),
    *({**DESCRIBED, "modules": [CHILD, without(ROOT, field)]} for field in ROOT
      if field != "container"),
]  # fmt: skip


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_a_malformed_description_is_refused(peer: Peer, description: dict[str, Any]) -> None:
    """Each field of a wrong type, range, name or count ends the worker."""
    with pytest.raises(StudentProtocol):
        described(peer, description)


def chain(length: int, links: int) -> list[dict[str, Any]]:
    """Modules each of which holds the next one, under several names."""
    return [
        {
            **CHILD,
            "h": 5 + n,
            "children": [[f"c{i}", 6 + n] for i in range(links if n < length else 0)],
        }
        for n in range(length + 1)
    ]


@pytest.mark.parametrize(
    ("length", "links", "words"),
    [(MAX_DEPTH + 1, 1, "nested too deeply"), (40, 2, "too many parts"), (2, 300, "too many")],
)
def test_a_tree_that_never_ends_is_refused(peer: Peer, length: int, links: int, words: str) -> None:
    """A few shared modules would be walked through billions of times."""
    with pytest.raises(StudentProtocol, match=words):
        described(peer, {"id": 2, "modules": chain(length, links), "values": []})


def test_a_known_module_cannot_grow_without_end(peer: Peer) -> None:
    """The bound holds for the modules around one that is described anew."""
    submission = peer.submission()
    peer.send(reply(1, {**MODULE, "h": 9}))
    outer = {**CHILD, "h": 9, "children": [[f"c{i}", 5] for i in range(200)]}
    peer.send(answer({"id": 2, "modules": [{**CHILD, "h": 5}, outer], "values": []}))
    mirror = submission.call("f", (), {})
    peer.send(reply(3, None, mirrors={**NO_CHANGE, "restructured": [5]}))
    peer.send(answer({"id": 4, "modules": chain(1, 200), "values": []}))
    with pytest.raises(StudentProtocol, match="too many parts"):
        submission.call("f", (), {})
    assert len(list(mirror.modules())) == 2


def test_modules_that_are_too_large_together_are_refused(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes under a stride of 0 count as what they would take here."""
    monkeypatch.setattr(mirrors, "MAX_BYTES", 1 << 20)
    with pytest.raises(StudentProtocol, match="too large together"):
        described(peer, DESCRIBED, torch.ones(1).expand(1 << 19), torch.ones(1))


def test_expanded_parameters_can_be_written_to(peer: Peer) -> None:
    """The grader's optimizer does not trip over the worker's strides."""
    mirror = described(peer, DESCRIBED, torch.ones(1).expand(3), torch.ones(1))
    with torch.no_grad():
        mirror.w.add_(torch.arange(3.0))
    assert mirror.w.tolist() == [1.0, 2.0, 3.0]


# What a call changed in the modules.

NO_CHANGE: dict[str, Any] = {
    "tensors": [], "grad": [], "training": [], "restructured": [], "fresh": [],
}  # fmt: skip


def test_the_changes_that_the_others_change_are_good(peer: Peer) -> None:
    """Contents and flags are taken over."""
    mirror = described(peer, DESCRIBED)
    changes = {**NO_CHANGE, "tensors": [[1, 0]], "grad": [[1, False]], "training": [[6, False]]}
    peer.send(reply(3, None, torch.zeros(3), mirrors=changes))
    assert mirror(1) is None
    assert mirror.w.tolist() == [0.0, 0.0, 0.0]
    assert not mirror.w.requires_grad
    assert not mirror.fc.training


@pytest.mark.parametrize(
    "changes",
    [
        *JUNK,
        *(without(NO_CHANGE, field) for field in NO_CHANGE),
        *({**NO_CHANGE, field: bad} for field in NO_CHANGE for bad in JUNK if bad != []),
        *({**NO_CHANGE, "tensors": bad} for bad in (
            [[1]], [[3, 0]], [[1, 5]], [[1, -1]], [["1", 0]], [[2, 0]], [[1, 1]],
            [[1, 0], [1, 0]], [[True, 0]], [[1, 0, 0]],
        )),
        *({**NO_CHANGE, "grad": bad} for bad in ([[1]], [[3, True]], [[2, True]], [[1, 1]])),
        *({**NO_CHANGE, "training": bad} for bad in ([[5]], [[9, True]], [[5, 1]], [[1, True]])),
        *({**NO_CHANGE, "restructured": bad} for bad in ([9], [5, 5], ["5"], [[5]], [True])),
        *({**NO_CHANGE, "fresh": bad} for bad in ([9], [1], ["1"], [True])),
    ],
)  # fmt: skip
def test_malformed_changes_are_refused(peer: Peer, changes: Any) -> None:
    """Numbers that are known, each once, with contents and flags of their kind."""
    mirror = described(peer, DESCRIBED)
    peer.send(reply(3, None, torch.zeros(3), torch.zeros(4), mirrors=changes))
    with pytest.raises(StudentProtocol):
        mirror(1)


def test_changes_may_not_be_left_out(peer: Peer) -> None:
    """Where modules are mirrored, every answer speaks of them."""
    mirror = described(peer, DESCRIBED)
    peer.send(reply(3, None))
    with pytest.raises(StudentProtocol):
        mirror(1)


def test_a_module_described_anew_keeps_what_fits(peer: Peer) -> None:
    """A parameter of the same shape stays the same object; one of another is replaced."""
    mirror = described(peer, DESCRIBED)
    weight, buffer = mirror.w, mirror.b
    peer.send(reply(3, None, mirrors={**NO_CHANGE, "restructured": [5]}))
    peer.send(answer({**DESCRIBED, "id": 4}, torch.zeros(3), torch.zeros(4)))
    mirror(1)
    assert mirror.w is weight
    assert weight.tolist() == [0.0, 0.0, 0.0]
    assert mirror.b is not buffer
    assert mirror.b.shape == (4,)


# Generators that graded code kept.

STATE = torch.Generator().get_state()
KEPT: dict[str, Any] = {"kept": [1], "drawn": []}


def test_the_generators_that_the_others_change_are_good(peer: Peer) -> None:
    """One is kept, and drawn from in a call that has no arguments."""
    submission, gen = peer.submission(), torch.Generator()
    drawn = torch.Generator()
    torch.rand(3, generator=drawn)
    peer.send(reply(1, None, STATE, generators=[0], shared=KEPT))
    submission.call("f", (gen,), {})
    peer.send(reply(2, None, drawn.get_state(), shared={"kept": [1], "drawn": [[1, 0]]}))
    submission.call("g", (), {})
    assert torch.equal(gen.get_state(), drawn.get_state())


@pytest.mark.parametrize(
    "shared",
    [
        *JUNK,
        *(without(KEPT, field) for field in KEPT),
        *({**KEPT, "kept": bad} for bad in JUNK if bad != []),
        *({**KEPT, "kept": bad} for bad in ([2], ["1"], [True], list(range(1, 999)))),
        *({**KEPT, "drawn": bad} for bad in JUNK if bad != []),
        *({**KEPT, "drawn": bad} for bad in (
            [[1]], [[2, 0]], [["1", 0]], [[1, 5]], [[1, -1]], [[1, 1]], [[1, 0, 0]],
        )),
    ],
)  # fmt: skip
def test_malformed_generators_are_refused(peer: Peer, shared: Any) -> None:
    """Numbers that are known, and states of their kind."""
    submission, gen = peer.submission(), torch.Generator()
    peer.send(reply(1, None, STATE, generators=[0], shared=KEPT))
    submission.call("f", (gen,), {})
    peer.send(reply(2, None, STATE, torch.ones(3), shared=shared))
    with pytest.raises(StudentProtocol):
        submission.call("g", (), {})
