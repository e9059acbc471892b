"""Archives made to do harm: each is refused in a sentence, and costs nobody else."""

from __future__ import annotations

import struct
import time
import tracemalloc
from contextlib import suppress
from io import BytesIO
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from zips import Entry, crafted, tree, widened, zipped

from dlcourse.bulk.submissions import Submission, find_submissions
from dlcourse.errors import UsageError
from dlcourse.sandbox.files import Unreadable

_AGAIN = "make it again from the plain files"
_GOOD = Entry(b"ppo_loss.py", b"x = 1")
_TWO = crafted([_GOOD, Entry(b"b.py")])


def handed_in(folder: Path, archive: bytes) -> Submission:
    """Return the submission of `ada`, beside whom `ben` has handed in something right."""
    tree(folder, {"ada.zip": archive, "ben/ppo_loss.py": "x = 2"})
    ada, ben = find_submissions(folder).submissions
    assert ben.read(PurePosixPath("ppo_loss.py")) == b"x = 2"
    return ada


def refused(why: str) -> str:
    """Return the sentence that refuses `ada.zip`."""
    return f"`ada.zip` is refused, since {why}: {_AGAIN}"


_ENTRIES = {
    "a folder up": (Entry(b"../x.py"), "`../x.py` leads out of the archive"),
    "a folder up further in": (Entry(b"a/../../x.py"), "`a/../../x.py` leads out of the archive"),
    "an absolute name": (Entry(b"/etc/x.py"), "`/etc/x.py` leads out of the archive"),
    "a drive": (Entry(b"C:\\x.py"), "`C:/x.py` leads out of the archive"),
    "a drive without a slash": (Entry(b"c:x.py"), "`c:x.py` leads out of the archive"),
    "a share": (Entry(b"\\\\host\\x.py"), "`//host/x.py` leads out of the archive"),
    "backslashes up": (Entry(b"a\\..\\..\\x.py"), "`a/../../x.py` leads out of the archive"),
    "a NUL": (Entry(b"x.py\0.txt"), "`x.py\\x00.txt` has control characters in its name"),
    "an escape": (Entry(b"\x1b[2Jx.py"), "`\\x1b[2Jx.py` has control characters in its name"),
    "a newline": (Entry(b"x\n.py"), "`x\\n.py` has control characters in its name"),
    "a C1 control": (Entry(b"x\xc2\x9b.py"), "`x\\x9b.py` has control characters in its name"),
    "no name": (Entry(b""), "`.` has no name"),
    "a dot": (Entry(b"./"), "`.` has no name"),
    "a long part": (Entry(b"x" * 256), f"`{'x' * 120}…` has too long a name"),
    "a long path": (Entry(b"/".join([b"xy"] * 1400)), f"`{'xy/' * 40}…` has too long a name"),
    "a deep path": (Entry(b"d/" * 32 + b"x.py"), f"`{'d/' * 32}x.py` lies too deep"),
    "no UTF-8": (
        Entry(b"x\xff.py", flags=1 << 11),
        "`x\\xff.py` has a name that is not the UTF-8 that it claims to be",
    ),
    "a link": (Entry(b"x.py", b"/etc/passwd", mode=0o120777), "`x.py` is a symbolic link"),
    "a pipe": (Entry(b"x.py", mode=0o010644), "`x.py` is a named pipe"),
    "a socket": (Entry(b"x.py", mode=0o140644), "`x.py` is a socket"),
    "a character device": (Entry(b"x.py", mode=0o020644), "`x.py` is a device"),
    "a block device": (Entry(b"x.py", mode=0o060644), "`x.py` is a device"),
    "a folder with content": (Entry(b"x/", b"data"), "`x` is a folder with content"),
    "encrypted": (Entry(b"x.py", b"data", flags=1), "`x.py` is encrypted"),
    "strongly encrypted": (Entry(b"x.py", b"data", flags=1 << 6), "`x.py` is encrypted"),
    "bzip2": (
        Entry(b"x.py", b"data", method=12, packed=b"BZh9"),
        "`x.py` is compressed by a method that is not read here (number 12)",
    ),
    "an unknown method": (
        Entry(b"x.py", b"data", method=250, packed=b"data"),
        "`x.py` is compressed by a method that is not read here (number 250)",
    ),
    "stored with a false size": (Entry(b"x.py", b"data", size=3), "`x.py` is not as long as it"),
    "the same name": (Entry(b"ppo_loss.py", b"x = 3"), "`ppo_loss.py` is there twice"),
    "the same name with a dot": (Entry(b"./ppo_loss.py"), "`ppo_loss.py` is there twice"),
    "another case": (
        Entry(b"PPO_loss.py"),
        "`PPO_loss.py` and `ppo_loss.py` are one name on many machines",
    ),
    "a file that is a folder": (
        Entry(b"ppo_loss.py/x.py"),
        "`ppo_loss.py` is both a file and a folder",
    ),
    "a file that is a folder in another case": (
        Entry(b"PPO_LOSS.py/x.py"),
        "`ppo_loss.py` is both a file and a folder",
    ),
    "a file that is an empty folder": (
        Entry(b"ppo_loss.py/", mode=0o040755),
        "`ppo_loss.py` is both a file and a folder",
    ),
}


@pytest.mark.parametrize(("bad", "why"), _ENTRIES.values(), ids=_ENTRIES)
def test_one_bad_entry_refuses_the_archive(tmp_path: Path, bad: Entry, why: str) -> None:
    """The sentence names the entry; the rest of the archive is not read either."""
    ada = handed_in(tmp_path, crafted([_GOOD, bad]))
    assert ada.problem is not None
    assert ada.problem.startswith(f"`ada.zip` is refused, since its entry {why}")
    assert ada.problem.endswith(f": {_AGAIN}")
    assert ada.paths() == ()
    with pytest.raises(Unreadable, match=r"`ppo_loss\.py` is not in the submission"):
        ada.read(PurePosixPath("ppo_loss.py"))


def test_names_that_are_composed_differently_are_one(tmp_path: Path) -> None:
    """The letter with its accent and the letter followed by it make the same name."""
    names = ("caf\u00e9.py".encode(), "cafe\u0301.py".encode())
    ada = handed_in(tmp_path, crafted([Entry(name) for name in names]))
    assert ada.problem is not None
    assert "are one name on many machines" in ada.problem


_WHOLE = {
    "empty": (b"", "it is no zip archive, or cut off"),
    "something else": (b"Rar!\x1a\7\0" * 9, "it is no zip archive, or cut off"),
    "cut off": (crafted([_GOOD])[:-30], "it is no zip archive, or cut off"),
    "the end alone": (crafted([_GOOD])[-22:], "it has bytes that belong to no entry, or is cut"),
    "cut in the middle": (
        crafted([_GOOD])[:20] + crafted([_GOOD])[30:],
        "it has bytes that belong to no entry, or is cut off",
    ),
    "bytes before": (b"#!/bin/sh\n" + crafted([_GOOD]), "it has bytes that belong to no entry"),
    "bytes after": (crafted([_GOOD]) + b"\n", "it goes on after its end, or is cut off"),
    "two archives": (
        crafted([_GOOD]) + crafted([_GOOD]),
        "it has bytes that belong to no entry, or is cut off",
    ),
    "an entry beyond the end": (
        crafted([_GOOD], offsets={0: 1 << 20}),
        "it is damaged at its entry `ppo_loss.py`",
    ),
    "an entry where none is": (
        crafted([_GOOD], offsets={0: 1}),
        "it is damaged at its entry `ppo_loss.py`",
    ),
    "two names for one entry": (
        crafted([Entry(b"safe.py", local_name=b"evil.py")]),
        "it tells its entry `safe.py` in two ways",
    ),
    "one of several disks": (
        crafted([_GOOD])[:-18] + b"\1" + crafted([_GOOD])[-17:],
        "it is one part of several",
    ),
    "more entries than told": (
        _TWO[:-14] + struct.pack("<2H", 1, 1) + _TWO[-10:],
        "it is damaged or cut off",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("archive", "why"), _WHOLE.values(), ids=_WHOLE)
def test_a_damaged_archive_is_refused(tmp_path: Path, archive: bytes, why: str) -> None:
    """Whatever two programs might read differently is not read at all."""
    ada = handed_in(tmp_path, archive)
    assert ada.problem is not None
    assert ada.problem.startswith(f"`ada.zip` is refused, since {why}")


def test_no_damage_is_an_exception(tmp_path: Path) -> None:
    """Each byte of an archive is spoiled in turn: a sentence, or the right content, comes back."""
    whole = crafted([Entry(b"a/ppo_loss.py", b"x = 1\n" * 9, method=8), _GOOD])
    for place in range(len(whole)):
        for byte in (0, 255, whole[place] ^ 1):
            spoiled = whole[:place] + bytes([byte]) + whole[place + 1 :]
            ada = handed_in(tmp_path, spoiled)
            for path in ada.paths():
                try:
                    content = ada.read(path)
                except Unreadable:
                    continue
                assert content in {b"x = 1\n" * 9, b"x = 1"}


def test_entries_on_top_of_each_other_are_refused(tmp_path: Path) -> None:
    """Two entries that share their bytes, as in the densest bombs, are named."""
    ada = handed_in(tmp_path, crafted([_GOOD, Entry(b"ppo_loss.py")], offsets={1: 0}))
    assert ada.problem == refused(
        "it has the entries `ppo_loss.py` and `ppo_loss.py` on top of each other"
    )


def test_a_quoted_bomb_is_refused(tmp_path: Path) -> None:
    """An entry whose bytes hold the headers of the next ones overlaps them."""
    inner = crafted([Entry(b"b.py", b"kernel")])
    stop = inner.index(b"PK\1\2")
    outer = Entry(b"a.py", inner[:stop])
    ada = handed_in(
        tmp_path,
        crafted([outer, Entry(b"b.py", b"kernel")], offsets={1: 30 + len(b"a.py")}),
    )
    assert ada.problem == refused("it has the entries `a.py` and `b.py` on top of each other")


def test_ten_gigabytes_of_zeros_are_refused_unread(tmp_path: Path) -> None:
    """An archive that says how much it unpacks to is refused at once, by its largest entry."""
    zeros = Entry(b"zeros.bin", method=8, packed=b"\0" * (10 << 20), size=0xFFFFFFFE, crc=0)
    twice = [zeros, Entry(b"b.bin", method=8, packed=b"\0", size=0xFFFFFFFE, crc=0)]
    began = time.process_time()
    ada = handed_in(tmp_path, crafted([*twice, _GOOD]))
    assert ada.problem == refused(
        "it would unpack to 8,192 MiB, more than 64: its entry `zeros.bin` is the largest"
    )
    assert time.process_time() - began < 2


def test_sizes_that_lie_unpack_no_further_than_they_say(tmp_path: Path) -> None:
    """Much more behind a size of five bytes is noticed at the sixth, within little memory."""
    packed = Entry(b"", b"\0" * (1 << 28), method=8).packed_data()
    bomb = Entry(b"ppo_loss.py", method=8, packed=packed, size=5, crc=0)
    ada = handed_in(tmp_path, crafted([bomb]))
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable) as raised:
            ada.read(PurePosixPath("ppo_loss.py"))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert str(raised.value) == refused("its entry `ppo_loss.py` is damaged")


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"x.py", b"x = 1", crc=1),
        Entry(b"x.py", b"x = 1", method=8, crc=1),
        Entry(b"x.py", b"x = 1", method=8, size=9),
        Entry(b"x.py", b"x = 1", method=8, size=4),
        Entry(b"x.py", b"x = 1", method=8, packed=b"no deflate"),
        Entry(b"x.py", b"x = 1", method=8, packed=b""),
        Entry(b"x.py", b"x = 1", method=8, packed=Entry(b"", b"x = 1", 8).packed_data() + b"more"),
    ],
    ids=["checksum", "packed checksum", "short", "long", "no deflate", "nothing", "more"],
)
def test_a_damaged_entry_is_told_when_it_is_read(tmp_path: Path, entry: Entry) -> None:
    """What does not unpack to what it says, byte by byte, is refused; other entries are read."""
    ada = handed_in(tmp_path, crafted([entry, _GOOD]))
    with pytest.raises(Unreadable) as raised:
        ada.read(PurePosixPath("x.py"))
    assert str(raised.value) == refused("its entry `x.py` is damaged")
    assert ada.read(PurePosixPath("ppo_loss.py")) == b"x = 1"


def test_a_hundred_thousand_entries_are_refused(tmp_path: Path) -> None:
    """An archive with more entries than any course has is not gone through."""
    some = crafted([Entry(b"%d" % number) for number in range(10_001)])
    ada = handed_in(tmp_path, some)
    assert ada.problem == refused("it holds 10,001 entries, more than 10,000")
    many = zipped({str(number): "" for number in range(100_000)})  # in the larger form of the end
    ada = handed_in(tmp_path, many)
    assert ada.problem == refused("it holds 100,000 entries, more than 10,000")


def test_long_deep_names_take_no_time(tmp_path: Path) -> None:
    """Thousands of names of thousands of folders each are refused without following them all."""
    deep = [Entry(b"%d/" % number + b"d/" * 2000 + b"x.py") for number in range(2_400)]
    began = time.process_time()
    ada = handed_in(tmp_path, crafted(deep))
    assert ada.problem is not None
    assert "lies too deep" in ada.problem
    assert time.process_time() - began < 20


def test_the_larger_form_of_the_end_is_read(tmp_path: Path) -> None:
    """Archives that tell numbers in 64 bits, as some programs always do, are read."""
    wide = crafted([Entry(b"a.py", b"x = 1", wide=True), Entry(b"b.py", b"x", 8, wide=True)])
    for archive in (wide, widened(wide), widened(crafted([_GOOD]))):
        ada = handed_in(tmp_path, archive)
        assert ada.problem is None
        assert ada.read(ada.paths()[0]) == b"x = 1"
    for place in range(len(wide), len(widened(wide)) - 22):
        spoiled = bytearray(widened(wide))
        spoiled[place] ^= 0xFF
        for path in handed_in(tmp_path, bytes(spoiled)).paths():
            assert path in {PurePosixPath("a.py"), PurePosixPath("b.py")}


def test_an_archive_behind_a_program_is_refused(tmp_path: Path) -> None:
    """An archive that unpacks itself tells where its entries are, and is refused all the same."""
    path = tree(tmp_path / "made", {"ada.zip": "#!/bin/sh\n"}) / "ada.zip"
    with ZipFile(path, "a") as archive:
        archive.writestr("ppo_loss.py", "x = 1")
    ada = handed_in(tmp_path / "class", path.read_bytes())
    assert ada.problem == refused("it has bytes before its first entry")


def test_an_archive_written_in_one_go_is_read(tmp_path: Path) -> None:
    """A program that cannot go back tells sizes after the data, and they are found all the same."""

    class Stream(BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    stream = Stream()
    with ZipFile(stream, "w", ZIP_DEFLATED) as archive:
        archive.writestr("a/", "")
        archive.writestr("a/ppo_loss.py", "x = 1")
        archive.writestr("b.py", "x = 2")
    ada = handed_in(tmp_path, stream.getvalue())
    assert ada.problem is None
    assert [ada.read(path) for path in ada.paths()] == [b"x = 1", b"x = 2"]


def test_a_large_source_is_refused(tmp_path: Path) -> None:
    """A source of 256 KiB is read, and one byte more is not."""
    full, over = "#" * (256 << 10), "#" * ((256 << 10) + 1)
    ada = handed_in(tmp_path, zipped({"full.py": full, "over.py": over}))
    assert ada.read(PurePosixPath("full.py")) == full.encode()
    with pytest.raises(Unreadable) as raised:
        ada.read(PurePosixPath("over.py"))
    assert str(raised.value) == "`over.py` is larger than 256 KiB: hand in source code only"


def test_archives_are_opened_two_deep(tmp_path: Path) -> None:
    """An archive in an archive is read; one further in is not, and says so."""
    third = zipped({"three.py": ""})
    second = zipped({"two.py": "x = 2", "third.zip": third})
    ada = handed_in(tmp_path, zipped({"one.py": "", "second.zip": second}))
    assert [str(path) for path in ada.paths()] == ["one.py", "second.zip/two.py"]
    assert ada.read(PurePosixPath("second.zip/two.py")) == b"x = 2"
    (sentence,) = ada.refused
    assert sentence == (
        "`second.zip/third.zip` is not opened, since it is an archive in an archive in an archive:"
        " hand in one"
    )
    assert ada.problem is None


def test_a_bad_archive_in_a_folder_costs_only_itself(tmp_path: Path) -> None:
    """The files beside a refused archive are read."""
    tree(tmp_path, {"ada/ppo_loss.py": "x = 1", "ada/old.zip": crafted([Entry(b"../x")])})
    (ada,) = find_submissions(tmp_path).submissions
    assert (ada.problem, [str(path) for path in ada.paths()]) == (None, ["ppo_loss.py"])
    (sentence,) = ada.refused
    assert sentence.startswith("`old.zip` is refused, since its entry `../x` leads out of")


def test_a_hundred_archives_are_not_opened(tmp_path: Path) -> None:
    """Sixteen archives of one submission are opened, and the next says so."""
    inner = zipped({"a.py": ""})
    ada = handed_in(tmp_path, zipped({f"{number:03}.zip": inner for number in range(100)}))
    assert len(ada.paths()) == 15  # and `ada.zip` itself
    assert ada.refused == ("`015.zip` is not opened, since 16 archives were: hand in one",)


def test_archives_together_hold_no_more_than_a_folder(tmp_path: Path) -> None:
    """Three archives of nine thousand files are more than one submission may hold."""
    inner = zipped({str(number): "" for number in range(9_000)})
    tree(tmp_path, {f"ada/{number}.zip": inner for number in range(3)})
    (ada,) = find_submissions(tmp_path).submissions
    assert ada.paths() == ()
    assert ada.problem == ("the submission holds more than 20,000 files: hand in source code only")


def test_another_kind_of_archive_is_named(tmp_path: Path) -> None:
    """What cannot be opened is told, for the case that the work is in it."""
    tree(tmp_path, {"ada/hw.rar": "Rar!"})
    (ada,) = find_submissions(tmp_path).submissions
    assert ada.refused == (
        "`hw.rar` is an archive of a kind that is not opened: hand in a zip archive",
    )


def test_backslashes_separate_as_on_windows(tmp_path: Path) -> None:
    """An archive whose names hold backslashes is read as it was meant."""
    ada = handed_in(tmp_path, crafted([Entry(b"day24_reinforcement\\ppo_loss.py", b"x = 1")]))
    assert ada.paths() == (PurePosixPath("day24_reinforcement/ppo_loss.py"),)
    assert ada.read(ada.paths()[0]) == b"x = 1"


def test_names_without_the_mark_of_utf_8_are_read(tmp_path: Path) -> None:
    """UTF-8 that is not marked, as from a Mac, and the code page of DOS are both shown right."""
    names = ("\u00fcbung.py".encode(), "\u00fcbung2.py".encode("cp437"))
    ada = handed_in(tmp_path, crafted([Entry(name) for name in names]))
    assert [str(path) for path in ada.paths()] == ["\u00fcbung.py", "\u00fcbung2.py"]


def test_links_among_what_is_left_out_cost_nothing(tmp_path: Path) -> None:
    """The links of a virtual environment that was handed in along do not refuse the archive."""
    link = Entry(b".venv/bin/python", b"/usr/bin/python3", mode=0o120777)
    ada = handed_in(tmp_path, crafted([link, _GOOD]))
    assert ada.paths() == (PurePosixPath("ppo_loss.py"),)


def test_a_bad_entry_of_a_class_costs_one_student(tmp_path: Path) -> None:
    """In a class's archive, a bad entry is the problem of the student in whose folder it is."""
    path = tmp_path / "class.zip"
    path.write_bytes(
        crafted(
            [
                Entry(b"ada/ppo_loss.py", b"x = 1"),
                Entry(b"ada/passwd", b"/etc/passwd", mode=0o120777),
                Entry(b"ben/ppo_loss.py", b"x = 2"),
                Entry(b"eve", b"ben", mode=0o120777),
                Entry(b"zoe.zip", crafted([_GOOD]), flags=1),
                Entry(b"../../root.py", b"x = 3"),
            ]
        )
    )
    found = find_submissions(path)
    ada, ben, eve, zoe = found.submissions
    assert ada.problem == (
        f"`{path}/ada` is refused, since its entry `passwd` is a symbolic link: {_AGAIN}"
    )
    assert (ben.student, ben.problem) == ("ben", None)
    assert eve.problem is not None
    assert "its entry `eve` is a symbolic link" in eve.problem
    assert zoe.problem is not None
    assert "its entry `zoe.zip` is encrypted" in zoe.problem
    assert found.ignored == (("../../root.py", "an entry that leads out of the archive"),)


def test_a_folder_of_too_many_entries_in_a_class_is_refused(tmp_path: Path) -> None:
    """In a class's archive each student has the room that an archive of their own would have."""
    path = tmp_path / "class.zip"
    many = [Entry(b"ada/%d" % number) for number in range(10_001)]
    path.write_bytes(crafted([*many, Entry(b"ben/a.py")]))
    ada, ben = find_submissions(path).submissions
    assert ada.problem == f"`{path}/ada` holds more than 10,000 entries: hand in source code only"
    assert ben.problem is None


def test_no_damage_to_a_class_is_an_exception(tmp_path: Path) -> None:
    """Each byte of a class's archive is spoiled: it is refused, or its students are read."""
    path = tmp_path / "class.zip"
    inner = crafted([Entry(b"a.py", b"x = 1")])
    whole = crafted([Entry(b"ada/a.py", b"x = 1", method=8), Entry(b"ben.zip", inner)])
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        submissions: tuple[Submission, ...] = ()
        with suppress(UsageError):
            submissions = find_submissions(path).submissions
        for one in submissions:
            assert one.problem is None or one.problem.isprintable()
            for inside in one.paths():
                with suppress(Unreadable):
                    assert one.read(inside) == b"x = 1"


def test_an_archive_that_changes_is_told(tmp_path: Path) -> None:
    """A file that is gone when its turn comes is a sentence."""
    ada = handed_in(tmp_path, crafted([_GOOD]))
    assert ada.problem is None
    (tmp_path / "ada.zip").unlink()
    with pytest.raises(Unreadable, match=r"`ada\.zip` is gone: somebody removed or renamed it"):
        ada.read(PurePosixPath("ppo_loss.py"))
