"""Zip archives to read, and to spoil byte by byte."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_REGULAR = 0o100644
_FULL = 0xFFFFFFFF


@dataclass
class Entry:
    """An entry as an attacker writes it: each field may lie."""

    name: bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    mode: int = _REGULAR
    size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    packed: bytes | None = None
    wide: bool = False

    def packed_data(self) -> bytes:
        """The bytes that stand in the archive."""
        if self.packed is not None:
            return self.packed
        if self.method == 0:
            return self.data
        deflater = zlib.compressobj(wbits=-15)
        return deflater.compress(self.data) + deflater.flush()

    def fields(self) -> tuple[int, int, int]:
        """The checksum, packed and unpacked size that both headers tell."""
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        if self.wide:
            return crc, _FULL, _FULL
        size = len(self.data) if self.size is None else self.size
        return crc, len(self.packed_data()), size

    def extra(self) -> bytes:
        """The sizes in 64 bits, where the headers refer to them."""
        sizes = (len(self.data), len(self.packed_data()))
        return struct.pack("<2H2Q", 1, 16, *sizes) if self.wide else b""


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return an honest archive of `files`, compressed."""
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return buffer.getvalue()


def crafted(entries: Iterable[Entry], *, offsets: Mapping[int, int] | None = None) -> bytes:
    """Return an archive of just these entries; `offsets` moves where an entry is said to be."""
    body, directory, count = bytearray(), bytearray(), 0
    for number, entry in enumerate(entries):
        offset = (offsets or {}).get(number, len(body))
        name = entry.name if entry.local_name is None else entry.local_name
        head = (20, entry.flags, entry.method, 0, 0x21, *entry.fields())
        body += struct.pack("<4s5H3L2H", b"PK\3\4", *head, len(name), len(entry.extra()))
        body += name + entry.extra()
        body += entry.packed_data()
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 3 << 8 | 20, *head, len(entry.name), len(entry.extra()),
            0, 0, 0, entry.mode << 16, offset,
        )  # fmt: skip
        directory += entry.name + entry.extra()
        count += 1
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), len(body), 0
    )
    return bytes(body + directory + end)


def widened(archive: bytes) -> bytes:
    """Return an archive whose end is told once more in 64 bits, and only there."""
    end = struct.unpack("<4s4H2LH", archive[-22:])
    start = len(archive) - 22
    wide = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *end[3:7])
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, start, 1)
    narrow = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _FULL, _FULL, 0)
    return archive[:start] + wide + locator + narrow


def tree(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` beneath `root`, which is returned; a name that ends with `/` is a folder."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root
