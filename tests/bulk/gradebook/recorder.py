"""A program that records results until it is stopped.

It prints the number of each result once it is recorded. When the gradebook refuses, it prints the
message and ends with the error's exit code; then the gradebook is read once more, as a report would
do it. No file may grow beyond `--files`, and `--user` is who the program becomes.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from itertools import count

from class_work import an_attempt, record

from dlcourse.bulk.gradebook import Gradebook
from dlcourse.errors import DlcourseError


def main() -> None:
    """Record, and say so."""
    parser = argparse.ArgumentParser()
    parser.add_argument("place")
    parser.add_argument("--files", type=int)
    parser.add_argument("--user", type=int)
    options = parser.parse_args()
    if options.files:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.files, options.files))
    if options.user:
        os.setegid(options.user)
        os.seteuid(options.user)
    try:
        with Gradebook.open(options.place, create=True, patience=0.3) as book:
            _record(book)
    except DlcourseError as error:
        print(error)  # noqa: T201 - what the tests read
        sys.exit(error.exit_code)


def _record(book: Gradebook) -> None:
    try:
        for number in count():
            result = record(book, an_attempt(book, f"s{number:05}"))
            print(result.id, flush=True)  # noqa: T201 - what the tests read
    except DlcourseError:
        print("still readable:", sum(1 for _, result in book.counting() if result))  # noqa: T201 - the same
        raise


main()
