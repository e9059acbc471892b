"""Canaries: words that nobody can know by chance, planted beside and inside the grader."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLACES: Final = (
    "suite",  # the source of the hidden suite
    "memory",  # the suite's module, once it is imported, and no file
    "solution",
    "neighbour",  # another learner's submission
    "environment",  # of the process that starts the grader
    "secret",  # what the seeds derive from
    "gradebook",  # a file beside the submissions
    "arguments",  # the command line of another process
    "service",  # what a local server tells whoever asks
)


def draw_canaries() -> dict[str, str]:
    """A canary for each place, never drawn before."""
    return {place: f"canary-{place}-{secrets.token_hex(16)}" for place in PLACES}


def found_in(text: str, canaries: Mapping[str, str]) -> list[str]:
    """The places whose canary shows in `text`, in whatever form."""
    small = text.lower()
    return [
        place
        for place, canary in canaries.items()
        if any(form in text or form in small for form in forms(canary))
    ]


def forms(canary: str) -> Iterator[str]:
    """A canary's unique part as it may be written: plain, reversed, hexadecimal, base64."""
    word = canary.rpartition("-")[2]
    yield word
    yield word[::-1]
    yield word.encode().hex()
    yield word[::-1].encode().hex()
    for before in range(3):
        # The quads that touch neither end are the same whatever stands around the word.
        quads = base64.b64encode(b"." * before + word.encode()).decode()
        yield quads[4 : len(quads) - 4]
