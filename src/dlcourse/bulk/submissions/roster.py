"""The roster of a class: who takes part, and what each platform calls them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dlcourse.bulk.submissions.bounds import MAX_ROSTER
from dlcourse.bulk.submissions.naming import folded, shown_name, words
from dlcourse.course.suggestion import nearest
from dlcourse.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from dlcourse.bulk.submissions.submission import Submission

KEY: Final = "student"
_NOT_UNIQUE: Final = frozenset({"name", "section"})
# The longest name whose orders are tried, in words.
_MAX_WORDS: Final = 8


@dataclass(frozen=True)
class Entry:
    """A student of the class; `identifiers` holds what each further column calls them."""

    student: str
    name: str | None = None
    email: str | None = None
    section: str | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Roster:
    """The students of a class, in the file's order; `columns` are those that identify them."""

    entries: tuple[Entry, ...]
    columns: tuple[str, ...] = (KEY,)

    def match(self, submission: Submission) -> Entry | None:
        """Return whose submission it is; None if it is nobody's, or might be several people's.

        The layout's own column is tried first, then `student`, `email`, the other identifiers, and
        last the name, without regard to case, accents and the order of its words.
        """
        called = [submission.student, *submission.aliases]
        if submission.email:
            called.append(submission.email)
        for column in self._order(submission.layout):
            for text in called:
                entry = self._index[column].get(folded(text.strip()))
                if entry is not None:
                    return entry
        return self._by_name([submission.name] if submission.name else called)

    def _order(self, layout: str) -> Iterator[str]:
        first = [layout, KEY, "email"]
        yield from (column for column in first if column in self._index)
        yield from (column for column in self.columns if column not in first)

    @cached_property
    def _index(self) -> dict[str, dict[str, Entry]]:
        index: dict[str, dict[str, Entry]] = {column: {} for column in self.columns}
        for entry in self.entries:
            for column in self.columns:
                text = _identifier(entry, column)
                if text:
                    index[column][folded(text)] = entry
        return index

    def _by_name(self, called: list[str]) -> Entry | None:
        for text in called:
            found = self._names.get("".join(words(text)), [])
            if len(found) == 1:
                return found[0]
        return None

    @cached_property
    def _names(self) -> dict[str, list[Entry]]:
        """The students by name, without blanks, with each word in front once."""
        names: dict[str, list[Entry]] = {}
        for entry in self.entries:
            parts = words(entry.name or "")[:_MAX_WORDS]
            orders = {"".join(parts[start:] + parts[:start]) for start in range(len(parts))}
            for order in orders:
                names.setdefault(order, []).append(entry)
        return names


def _identifier(entry: Entry, column: str) -> str | None:
    if column == KEY:
        return entry.student
    return entry.email if column == "email" else entry.identifiers.get(column)


def read_roster(path: str | os.PathLike[str]) -> Roster:
    """Return the roster in a CSV file with a header, separated by `,`, `;` or tabs.

    The column `student` is the key; `name`, `email` and `section` are optional, and any other
    column holds further identifiers.

    Raises:
        UsageError: the file cannot be read, or a line of it is refused.
    """
    file = shown_name(Path(path).name)
    rows = _rows(_text(Path(path), file), file)
    line, header = next(rows, (1, []))
    columns = _columns(header, file, line)
    entries: list[tuple[int, Entry]] = []
    for number, row in rows:
        if len(row) > len(columns) and any(row[len(columns) :]):
            raise UsageError(
                f"`{file}` line {number} has {len(row)} fields, but the header has {len(columns)}:"
                " put fields with a separator inside into quotes"
            )
        entries.append((number, _entry(dict(zip(columns, row, strict=False)), file, number)))
    if not entries:
        raise UsageError(f"`{file}` lists no student: add a line for each below the header")
    identifying = tuple(column for column in columns if column and column not in _NOT_UNIQUE)
    _check_unique(entries, identifying, file)
    return Roster(tuple(entry for _, entry in entries), identifying)


def _text(path: Path, file: str) -> str:
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_ROSTER + 1)
    except OSError as error:
        raise UsageError(
            f"`{shown_name(path)}` cannot be read ({error.strerror}): name a CSV file of the class"
        ) from None
    if len(data) > MAX_ROSTER:
        raise UsageError(f"`{file}` is larger than {MAX_ROSTER >> 20} MiB: name a CSV file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"`{file}` line {line} is not UTF-8: save it as CSV in UTF-8") from None


def _rows(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, stripped, each with the number of its line."""
    header = next((line for line in text.split("\n") if line.strip()), "")
    separator = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            fields = [text.strip() for text in row]
            if any(fields):
                yield reader.line_num, fields
    except csv.Error as error:
        raise UsageError(
            f"`{file}` line {reader.line_num} is no CSV ({error}): correct the quotes there"
        ) from None


def _columns(header: list[str], file: str, line: int) -> list[str]:
    columns = [column.casefold() for column in header]
    if KEY not in columns:
        near = nearest(KEY, columns)
        offer = f"rename `{shown_name(near)}`" if near else "add it, with a key for each student"
        raise UsageError(f"`{file}` line {line} has no column `{KEY}`: {offer}")
    for column in columns:
        if column and columns.count(column) > 1:
            raise UsageError(
                f"`{file}` line {line} has the column `{shown_name(column)}` twice: rename one"
            )
    return columns


def _entry(said: dict[str, str], file: str, line: int) -> Entry:
    if not said[KEY]:
        raise UsageError(f"`{file}` line {line} has an empty `{KEY}`: give the student a key")
    own = {KEY, "name", "email", "section", ""}
    return Entry(
        student=said[KEY],
        name=said.get("name") or None,
        email=said.get("email") or None,
        section=said.get("section") or None,
        identifiers={key: text for key, text in said.items() if key not in own and text},
    )


def _check_unique(entries: list[tuple[int, Entry]], columns: tuple[str, ...], file: str) -> None:
    for column in columns:
        seen: dict[str, int] = {}
        for line, entry in entries:
            text = _identifier(entry, column)
            first = seen.setdefault(folded(text), line) if text else line
            if text and first != line:
                raise UsageError(
                    f"`{file}` line {line} has the `{column}` `{shown_name(text)}` of line {first}"
                    " again: give each student their own"
                )
