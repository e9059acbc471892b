"""Frames: what a channel sends and what it refuses to receive."""

from __future__ import annotations

import json
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hostile_peer import answer, frame

from dlcourse.sandbox.tensors import Malformed, Unsendable
from dlcourse.sandbox.wire import (
    HEAD,
    MAGIC,
    MAX_HEADER,
    MAX_PAYLOAD,
    MAX_TENSORS,
    Channel,
    PeerGone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TENSOR = {"dtype": "uint8", "shape": [2], "bytes": 2}


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    """A channel, and the plain socket at its other end."""
    ours, theirs = socket.socketpair()
    yield Channel(ours), theirs
    ours.close()
    theirs.close()


def test_a_frame_arrives_as_it_was_sent(ends: tuple[Channel, socket.socket]) -> None:
    """Header and tensors survive, tensors without bytes included."""
    channel, sock = ends
    other = Channel(sock)
    data = memoryview(bytes([7, 8]))
    empty = {"dtype": "float32", "shape": [0], "bytes": 0}
    other.send({"a": [1, None]}, [TENSOR, empty], [data, memoryview(b"")])
    received = channel.receive()
    assert received.header == {"a": [1, None]}
    assert [tensor.tolist() for tensor in received.tensors] == [[7, 8], []]


def test_a_frame_larger_than_any_buffer_arrives(ends: tuple[Channel, socket.socket]) -> None:
    """What does not fit the socket's buffers is sent piece by piece while the other end reads."""
    channel, sock = ends
    tensors = [torch.full((3 << 20,), value, dtype=torch.uint8) for value in range(3)]
    description = {"dtype": "uint8", "shape": [3 << 20], "bytes": 3 << 20}
    sender = threading.Thread(
        target=Channel(sock).send,
        args=({}, [description] * 3, [tensor.numpy().data for tensor in tensors]),
    )
    sender.start()
    received = channel.receive()
    sender.join()
    assert all(map(torch.equal, received.tensors, tensors))


@pytest.fixture
def filled_memory() -> Iterator[None]:
    """New memory that torch fills with ones, as it does where algorithms are deterministic."""
    torch.use_deterministic_algorithms(mode=True)
    yield
    torch.use_deterministic_algorithms(mode=False)


@pytest.mark.usefixtures("filled_memory")
def test_nothing_lies_before_the_first_element(ends: tuple[Channel, socket.socket]) -> None:
    """Storage that an offset skips holds zeros, not what happened to be there."""
    channel, sock = ends
    sock.sendall(answer({}, torch.arange(8)[5:]))
    (tensor,) = channel.receive().tensors
    assert tensor.as_strided((8,), (1,), 0).tolist() == [0, 0, 0, 0, 0, 5, 6, 7]


BAD_FRAMES: dict[str, bytes] = {
    "another magic": frame({"tensors": []}, magic=b"DLC2"),
    "text": b"Traceback (most recent call last):",
    "zeros": bytes(64),
    "a header of 2^32 bytes": frame({}, header_length=(1 << 32) - 1),
    "a header beyond the limit": frame({}, header_length=MAX_HEADER + 1),
    "a payload of 2^60 bytes": frame({"tensors": []}, payload_length=1 << 60),
    "a payload beyond the limit": frame({"tensors": []}, payload_length=MAX_PAYLOAD + 1),
    "no JSON": frame(b"{'a': 1}"),
    "nothing": frame(b""),
    "no UTF-8": frame(b'{"a": "\xff"}'),
    "half of a JSON": frame(b'{"a": [1, 2'),
    "two JSONs": frame(b"{}{}"),
    "NaN": frame(b'{"tensors": [], "a": NaN}'),
    "Infinity": frame(b'{"tensors": [], "a": -Infinity}'),
    "an integer of 5000 digits": frame(b'{"tensors": [], "a": ' + b"9" * 5000 + b"}"),
    "a list as header": frame([]),
    "null as header": frame(None),
    "a deep header": frame(b"[" * 200_000 + b"]" * 200_000),
    "a deep object": frame(b'{"a":' * 150_000 + b"1" + b"}" * 150_000),
    "no tensors": frame({"a": 1}),
    "tensors as object": frame({"tensors": {}}),
    "tensors as number": frame({"tensors": 3}),
    "too many tensors": frame({"tensors": [{}] * (MAX_TENSORS + 1)}),
    "a tensor that is null": frame({"tensors": [None]}),
    "bytes that no tensor claims": frame({"tensors": []}, b"xx"),
    "more bytes than are there": frame({"tensors": [TENSOR, TENSOR]}, b"xx"),
    "offsets that add up to gigabytes": frame(
        {"tensors": [{**TENSOR, "shape": [0], "bytes": 0, "stride": [1], "offset": 40 << 20}] * 2}
    ),
}


@pytest.mark.parametrize("bad", BAD_FRAMES)
def test_a_malformed_frame_is_refused(ends: tuple[Channel, socket.socket], bad: str) -> None:
    """Whatever is wrong with a frame, the reader says Malformed and nothing else."""
    channel, sock = ends
    threading.Thread(target=sock.sendall, args=(BAD_FRAMES[bad],), daemon=True).start()
    with pytest.raises(Malformed):
        channel.receive()


@pytest.mark.parametrize("length", [0, 1, HEAD.size - 1, HEAD.size, HEAD.size + 5, -1])
def test_a_frame_that_breaks_off_means_that_the_peer_is_gone(
    ends: tuple[Channel, socket.socket], length: int
) -> None:
    """Wherever the line goes dead, the reader learns just that."""
    channel, sock = ends
    sock.sendall(answer({"id": 1}, torch.ones(3))[:length])
    sock.close()
    with pytest.raises(PeerGone):
        channel.receive()


def test_sending_to_a_peer_that_is_gone_says_so(ends: tuple[Channel, socket.socket]) -> None:
    """A closed line raises the same when something is sent."""
    channel, sock = ends
    sock.close()
    with pytest.raises(PeerGone):
        channel.send({})


@pytest.mark.parametrize(
    ("header", "count", "size"),
    [({"a": "x" * MAX_HEADER}, 0, 0), ({}, MAX_TENSORS + 1, 0), ({}, 1, MAX_PAYLOAD + 1)],
)
def test_a_frame_beyond_the_limits_is_not_begun(
    ends: tuple[Channel, socket.socket], header: dict[str, Any], count: int, size: int
) -> None:
    """What is too large is refused before its first byte is sent."""
    channel, sock = ends
    with pytest.raises(Unsendable, match="too large together"):
        channel.send(header, [{}] * count, [memoryview(bytearray(size))])
    sock.settimeout(0.0)
    with pytest.raises(BlockingIOError):
        sock.recv(1)


def test_descriptors_that_are_passed_along_are_dropped(
    ends: tuple[Channel, socket.socket],
) -> None:
    """A peer cannot plant open files in the reader."""
    channel, sock = ends
    data = frame({"tensors": []})
    socket.send_fds(sock, [data], [sock.fileno()])
    sock.close()
    assert channel.receive().header == {}
    with pytest.raises(PeerGone):  # a copy of the other end would keep the line open
        channel.receive()


def test_the_clocks_are_looked_at_even_if_bytes_never_stop_coming() -> None:
    """Each piece is waited for, so a peer that drips without a pause meets the deadline."""
    ours, theirs = socket.socketpair()
    looks = []

    def wait(fd: int, events: int) -> None:
        looks.append((fd, events))
        if len(looks) > 20:
            raise TimeoutError
        theirs.send(b"x")

    theirs.sendall(HEAD.pack(MAGIC, 1000, 0))
    with ours, theirs, pytest.raises(TimeoutError):
        Channel(ours, wait).receive()


def test_the_head_is_what_its_documentation_says() -> None:
    """Magic, header length, payload length: 16 bytes, little-endian, without padding."""
    assert struct.Struct("<4sIQ").size == HEAD.size == 16
    assert json.loads(frame({"a": 1})[HEAD.size :]) == {"a": 1}
