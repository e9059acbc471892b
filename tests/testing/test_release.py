"""What a test was judged by does not outlive it."""

from __future__ import annotations

import weakref

import pytest

from dlcourse.testing.release import release


class Answer:
    """Stands for gigabytes."""


def _fail(kept: list[weakref.ref[Answer]]) -> None:
    answer = Answer()
    kept.append(weakref.ref(answer))
    raise ValueError


def _fail_twice(kept: list[weakref.ref[Answer]]) -> None:
    answer = Answer()
    kept.append(weakref.ref(answer))
    try:
        _fail(kept)
    except ValueError:
        raise KeyError from None


def _held(kept: list[weakref.ref[Answer]]) -> list[Answer]:
    return [answer for ref in kept if (answer := ref()) is not None]


def test_the_frames_of_a_failure_let_their_answers_go() -> None:
    """An exception that is still held, and the one that it was raised over, hold no answer."""
    kept: list[weakref.ref[Answer]] = []
    with pytest.raises(KeyError) as caught:
        _fail_twice(kept)
    assert len(_held(kept)) == 2
    release(caught.value)
    assert _held(kept) == []
    assert caught.value.__traceback__ is not None


def test_a_ring_of_answers_is_collected() -> None:
    """Where no exception was raised, what only refers to itself goes all the same."""
    ring: list[object] = [answer := Answer()]
    ring.append(ring)
    kept = [weakref.ref(answer)]
    del ring, answer
    assert len(_held(kept)) == 1
    release(None)
    assert _held(kept) == []


def test_a_ring_of_exceptions_ends() -> None:
    """Exceptions that name each other as their cause are walked once."""
    first, second = ValueError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    release(first)
    assert first.__cause__ is second
