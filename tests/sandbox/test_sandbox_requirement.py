"""The least confinement that a worker must have: judged before it is given graded code."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, cast, get_args

import pytest
from hostile_peer import GREETING, Peer, answer, frame

from dlcourse.course import values
from dlcourse.errors import DlcourseError, UnavailableError
from dlcourse.sandbox.confinement import Limits
from dlcourse.sandbox.remote import LayerReport, RemoteSubmission, Sources
from dlcourse.sandbox.requirement import require_tier
from dlcourse.sandbox.tier import TIERS, is_enough, missing_for, strongest, tier_of
from dlcourse.testing.workers import Load, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlcourse.sandbox.server import ForkServer, Lines
    from dlcourse.sandbox.tier import Tier

NAMES: dict[Tier, tuple[str, ...]] = {
    "none": ("limits", "seccomp"),
    "confined": ("limits", "landlock", "seccomp"),
    "sandboxed": ("limits", "namespaces", "seccomp", "view"),
}
SOURCES = Sources("work", {"work": ""})


class PlayedServer:
    """A fork server whose workers are played by the test, one after another."""

    def __init__(self, required: Tier, peers: Sequence[Peer]) -> None:
        self.required = required
        self._peers = iter(peers)

    def spawn(self, _: Limits) -> Lines:
        """Hand over the lines to the next worker."""
        return next(self._peers).hand_over()


@pytest.fixture
def peers() -> Iterator[tuple[Peer, Peer]]:
    """Two workers in the test's hands, which greet when the test has them do so."""
    with ExitStack() as stack:
        yield stack.enter_context(Peer()), stack.enter_context(Peer())


def greet(peer: Peer, tier: Tier) -> None:
    """Greet with the layers that make up `tier`."""
    layers = [{"name": name, "active": True, "detail": ""} for name in NAMES[tier]]
    peer.send(frame({**GREETING, "layers": layers}))
    peer.tell_exit()


def received(peer: Peer) -> bytes:
    """Return all that the grader sent to a worker that it has closed."""
    return b"".join(iter(lambda: peer.sock.recv(1 << 16), b""))


def reports(*active: str, missing: Sequence[str] = ()) -> list[LayerReport]:
    """Return the layers of a worker that lacks some."""
    return [
        *(LayerReport(name, active=True, detail="") for name in active),
        *(LayerReport(name, active=False, detail="not here") for name in missing),
    ]


def test_the_words_for_tiers_are_the_same_everywhere() -> None:
    """A course's file knows the tiers that a worker can reach, in the same order."""
    assert get_args(values.Tier) == TIERS


def test_the_strongest_demand_holds() -> None:
    """Neither of two demands lowers the other."""
    assert strongest("none", "sandboxed") == strongest("sandboxed", "confined") == "sandboxed"
    assert strongest("none", "confined") == strongest("confined", "none") == "confined"
    assert strongest("none", "none") == "none"


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_lacks_none_of_its_own_layers(tier: Tier) -> None:
    """The layers of a tier are all that it needs, and nothing less reaches it."""
    assert tier_of(NAMES[tier]) == tier
    assert missing_for(tier, NAMES[tier]) == ()
    without = [name for name in NAMES[tier] if name != "seccomp"]
    assert missing_for(tier, without) == (() if tier == "none" else ("seccomp",))


@pytest.mark.parametrize("required", TIERS)
@pytest.mark.parametrize("tier", TIERS)
def test_a_weaker_worker_is_refused_before_it_is_given_anything(
    peers: tuple[Peer, Peer], tier: Tier, required: Tier
) -> None:
    """A worker that reaches the required tier starts; another is ended with nothing sent to it."""
    greet(peers[0], tier)
    server = cast("ForkServer", PlayedServer(required, peers))
    if is_enough(tier, required):
        submission = RemoteSubmission.start(server, Limits())
        assert [layer.name for layer in submission.layers] == list(NAMES[tier])
        submission.process.close()
        return
    with pytest.raises(UnavailableError, match=f"`{required}`, and a worker here gets `{tier}`"):
        RemoteSubmission.start(server, Limits())
    assert received(peers[0]) == b""


def test_each_fresh_worker_is_judged(peers: tuple[Peer, Peer]) -> None:
    """A second worker that is weaker than the first ends the grading; it gets no graded code."""
    greet(peers[0], "confined")
    peers[0].send(answer({"id": 1, "names": {}}))
    greet(peers[1], "none")
    server = cast("ForkServer", PlayedServer("confined", peers))
    workers = Workers(Load(server, Limits(), SOURCES, 1))
    workers.ready(own=False)
    workers.drop()
    with pytest.raises(UnavailableError):
        workers.ready(own=False)
    assert b'"load"' in received(peers[0])
    assert received(peers[1]) == b""


def test_a_greeting_that_is_none_reaches_no_tier(peers: tuple[Peer, Peer]) -> None:
    """What does not say which layers hold is no worker, whatever is required."""
    peers[0].send(frame({**GREETING, "layers": [{"name": "landlock", "active": 1, "detail": ""}]}))
    peers[0].tell_exit()
    server = cast("ForkServer", PlayedServer("none", peers))
    with pytest.raises(DlcourseError, match="a worker did not start") as refused:
        RemoteSubmission.start(server, Limits())
    assert not isinstance(refused.value, UnavailableError)


def test_the_sentence_names_what_is_missing_and_why() -> None:
    """The tier required, the tier there is, each missing layer with its reason, what to type."""
    layers = reports("limits", "seccomp", missing=("landlock",))
    with pytest.raises(UnavailableError) as refused:
        require_tier(layers, "confined")
    assert str(refused.value) == (
        "this run requires confinement `confined`, and a worker here gets `none`, without"
        " `landlock` (not here): type `dlcourse doctor` to see what to do."
    )


def test_a_layer_that_was_not_tried_is_missing_too() -> None:
    """A layer that the worker does not name does not hold."""
    with pytest.raises(UnavailableError) as refused:
        require_tier(reports("landlock", "seccomp", missing=("namespaces",)), "sandboxed")
    assert (
        "gets `confined`, without `namespaces` (not here) and `view` (not tried by this version): "
        in str(refused.value)
    )
