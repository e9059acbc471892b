"""The directory of a zip archive, read without believing it.

Two programs may read one archive differently, and archives are made on purpose to profit from
that. So only the plain form is accepted: the directory ends where the archive ends, the first entry
begins where the archive begins, each entry's own header agrees with the directory, and no two
entries share bytes.
"""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from dlcourse.bulk.submissions.bounds import MAX_DIRECTORY_ENTRY
from dlcourse.bulk.submissions.naming import shown_name

if TYPE_CHECKING:
    from collections.abc import Iterator

# As PKWARE's APPNOTE lays them out: 4.3.16, 4.3.15, 4.3.14, 4.3.12 and 4.3.7.
_END: Final = struct.Struct("<4s4H2LH")
_END_64_LOCATOR: Final = struct.Struct("<4sLQL")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_EXTRA: Final = struct.Struct("<2H")
_MAX_COMMENT: Final = 0xFFFF
_FULL: Final = 0xFFFFFFFF
_UTF_8: Final = 1 << 11


class BadArchive(Exception):  # noqa: N818 - the submission's defect, not the program's
    """What is wrong with an archive as a whole, to follow its name in a sentence."""


class Record(NamedTuple):
    """An entry as the directory tells it; `data` is where its bytes begin."""

    raw: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    header: int
    data: int = 0

    @property
    def name(self) -> str:
        """The name; where it is not said to be UTF-8 it may be all the same, as on macOS."""
        try:
            return self.raw.decode("utf-8")
        except UnicodeDecodeError:
            if self.flags & _UTF_8:
                return self.raw.decode("utf-8", "surrogateescape")
            return self.raw.decode("cp437")


class _End(NamedTuple):
    """Where the directory stands and how many entries it has."""

    entries: int
    size: int
    offset: int
    location: int


def read_directory(file: BinaryIO, most: int) -> list[Record]:
    """Return the entries of an archive that has at most `most` of them; raises BadArchive."""
    try:
        end = _find_end(file)
        _check_end(end, most)
        records = [
            record._replace(data=_data_offset(file, record, end))
            for record in _central(_at(file, end.offset, end.size), end.entries)
        ]
    except (struct.error, EOFError):
        raise BadArchive("is damaged or cut off") from None
    _check_layout(records, end)
    return records


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _find_end(file: BinaryIO) -> _End:
    size = file.seek(0, os.SEEK_END)
    tail = _at(file, max(0, size - _END.size - _MAX_COMMENT), min(size, _END.size + _MAX_COMMENT))
    place = tail.rfind(b"PK\5\6")
    if place < 0:
        raise BadArchive("is no zip archive, or cut off")
    _, disk, first_disk, here, entries, length, offset, comment = _END.unpack_from(tail, place)
    if place + _END.size + comment != len(tail):
        raise BadArchive("goes on after its end, or is cut off")
    if disk or first_disk or here != entries:
        raise BadArchive("is one part of several")
    end = _End(entries, length, offset, size - len(tail) + place)
    return _end_64(file, end) if _FULL in end[1:3] or entries == _MAX_COMMENT else end


def _end_64(file: BinaryIO, end: _End) -> _End:
    """Return what the larger form of the end says, which stands before the usual one."""
    place = end.location - _END_64_LOCATOR.size
    if place < 0:
        return end
    mark, _, location, _ = _END_64_LOCATOR.unpack(_at(file, place, _END_64_LOCATOR.size))
    if mark != b"PK\6\7":
        return end
    if location + _END_64.size > place:
        raise BadArchive("is damaged or cut off")
    mark, _, _, _, _, _, _, entries, size, offset = _END_64.unpack(
        _at(file, location, _END_64.size)
    )
    if mark != b"PK\6\6":
        raise BadArchive("is damaged or cut off")
    return _End(entries, size, offset, location)


def _check_end(end: _End, most: int) -> None:
    if end.entries > most:
        raise BadArchive(f"holds {end.entries:,} entries, more than {most:,}")
    if end.size > (end.entries + 1) * _CENTRAL.size + most * MAX_DIRECTORY_ENTRY:
        raise BadArchive("has a directory that is too large")
    if end.offset + end.size != end.location:
        raise BadArchive("has bytes that belong to no entry, or is cut off")


def _central(directory: bytes, entries: int) -> Iterator[Record]:
    place = 0
    for _ in range(entries):
        record, place = _central_record(directory, place)
        yield record
    if place != len(directory):
        raise BadArchive("is damaged or cut off")


def _central_record(directory: bytes, place: int) -> tuple[Record, int]:
    """Return the record at `place` and where the next one begins."""
    (
        mark, _made, _need, flags, method, _time, _date, crc, packed, size,
        name_size, extra_size, comment_size, _disk, _inner, outer, header,
    ) = _CENTRAL.unpack_from(directory, place)  # fmt: skip
    name_end = place + _CENTRAL.size + name_size
    after = name_end + extra_size + comment_size
    if mark != b"PK\1\2" or after > len(directory):
        raise BadArchive("is damaged or cut off")
    extra = directory[name_end : name_end + extra_size]
    size, packed, header = _widened(extra, (size, packed, header))
    raw = directory[name_end - name_size : name_end]
    return Record(raw, flags, method, crc, packed, size, outer >> 16, header), after


def _widened(extra: bytes, numbers: tuple[int, int, int]) -> Iterator[int]:
    """Yield the numbers, those that do not fit 32 bits from the extra field that holds them."""
    wide = iter(_zip64_numbers(extra))
    for number in numbers:
        if number != _FULL:
            yield number
        elif (found := next(wide, None)) is None:
            raise BadArchive("is damaged or cut off")
        else:
            yield found


def _zip64_numbers(extra: bytes) -> tuple[int, ...]:
    while len(extra) >= _EXTRA.size:
        kind, size = _EXTRA.unpack_from(extra)
        if kind == 1:
            count = min(size, len(extra) - _EXTRA.size) // 8
            return struct.unpack_from(f"<{count}Q", extra, _EXTRA.size)
        extra = extra[_EXTRA.size + size :]
    return ()


def _data_offset(file: BinaryIO, record: Record, end: _End) -> int:
    """Return where an entry's bytes begin, as its own header says, which must agree."""
    if record.header + _LOCAL.size > end.offset:
        raise BadArchive(f"is damaged at its entry `{shown_name(record.name)}`")
    header = _LOCAL.unpack(_at(file, record.header, _LOCAL.size))
    mark, method, name_size, extra_size = header[0], header[3], header[9], header[10]
    named = record.header + _LOCAL.size
    data: int = named + name_size + extra_size
    if mark != b"PK\3\4" or data + record.packed > end.offset:
        raise BadArchive(f"is damaged at its entry `{shown_name(record.name)}`")
    if method != record.method or _at(file, named, name_size) != record.raw:
        raise BadArchive(f"tells its entry `{shown_name(record.name)}` in two ways")
    return data


def _check_layout(records: list[Record], end: _End) -> None:
    ordered = sorted(records, key=lambda record: record.header)
    first = ordered[0].header if ordered else end.offset
    if first:
        raise BadArchive("has bytes before its first entry")
    for one, other in pairwise(ordered):
        if one.data + one.packed > other.header:
            names = f"`{shown_name(one.name)}` and `{shown_name(other.name)}`"
            raise BadArchive(f"has the entries {names} on top of each other")
