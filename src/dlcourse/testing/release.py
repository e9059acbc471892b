"""Lets go of the answers of one test before the next: graded code decides how large they are."""

from __future__ import annotations

import gc
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def release(error: BaseException | None) -> None:
    """Forget the variables of the frames that `error` passed through, and collect what is garbage.

    An exception holds its frames, they hold answers, and one of them holds the exception: without
    this, each failed test would keep the memory of its answers until the last one has ended.
    """
    for link in _chain(error):
        traceback.clear_frames(link.__traceback__)
    # Fast where it is called: what was there before the test is frozen.
    gc.collect()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error` and all that were its cause or were being handled, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__]
