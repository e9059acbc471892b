"""Has the right answer, and warns and logs as libraries do: output decides nothing, either way."""

import logging
import sys
import warnings


def softmax(x, dim):
    warnings.warn("FAILED (errors=1)", stacklevel=1)
    logging.error("Traceback (most recent call last):")
    print("AssertionError: 0 passed, 5 failed", file=sys.stderr)
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
