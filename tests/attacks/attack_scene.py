"""Where attacks happen: a course with canaries in it, a class that hands in, a service to call."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import shutil
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attack_cases import Attack

DAY: Final = "day01_softmax"
NAME: Final = "softmax"
WRONG: Final = '''
"""The honest wrong answer: the axis's length in place of the sum."""


def softmax(x, dim):
    return x.exp() / x.shape[dim]
'''
_COURSE: Final = Path(__file__).with_name("course")
_ZERO_DEVICE: Final = os.makedev(1, 5)


@dataclass(frozen=True)
class Scene:
    """The folders below `root`, with a canary in each place that is a file."""

    root: Path
    canaries: Mapping[str, str]

    @property
    def course(self) -> Path:
        """The course, whose suite and solution hold a canary each."""
        return self.root / "course"

    @property
    def suite(self) -> Path:
        """The hidden suite."""
        return self.course / "graders" / DAY / f"test_{NAME}.py"

    @property
    def solution(self) -> Path:
        """The reference."""
        return self.course / "solutions" / DAY / f"{NAME}.py"

    @property
    def neighbour(self) -> Path:
        """What another learner has handed in."""
        return self.root / "class" / "neighbour" / DAY / f"{NAME}.py"

    @property
    def gradebook(self) -> Path:
        """Where somebody keeps the class's points."""
        return self.root / "gradebook.json"

    def build(self) -> None:
        """Write everything."""
        shutil.copytree(_COURSE, self.course, ignore=shutil.ignore_patterns("__pycache__"))
        plain = self.solution.read_text(encoding="utf-8")
        _append(self.solution, f'CANARY = "{self.canaries["solution"]}"\n')
        _append(self.suite, f'CANARY = "{self.canaries["suite"]}"\n')
        # Neither this word nor its reverse stands in the file: it comes to be by the import.
        veiled = bytes(byte ^ 1 for byte in self.canaries["memory"].encode()).hex()
        _append(self.suite, f'MEMORY = bytes(b ^ 1 for b in bytes.fromhex("{veiled}")).decode()\n')
        self.hand_in("right", plain)
        self.hand_in("wrong", WRONG)
        self.hand_in("neighbour", f"# {self.canaries['neighbour']}\n{plain}")
        self.gradebook.write_text(f'{{"{self.canaries["gradebook"]}": 10}}\n', encoding="utf-8")

    def hand_in(self, learner: str, source: str) -> Path:
        """Hand in one file; returns the submission's folder."""
        folder = self.root / "class" / learner
        (folder / DAY).mkdir(parents=True, exist_ok=True)
        (folder / DAY / f"{NAME}.py").write_text(source, encoding="utf-8")
        return folder

    def hand_in_attack(self, attack: Attack, targets: Mapping[str, str]) -> Path:
        """Hand in an attack's files, aimed at `targets`; returns the submission's folder."""
        folder = self.root / "class" / attack.name
        shutil.rmtree(folder, ignore_errors=True)
        (folder / DAY).mkdir(parents=True)
        for file in attack.folder.iterdir():
            if file.is_file() and file.name != "attack.toml":
                text = _aimed(file.read_text(encoding="utf-8"), targets)
                (folder / DAY / file.name).write_text(text, encoding="utf-8")
                if file.stem != NAME:
                    (folder / file.name).write_text(text, encoding="utf-8")
        _make_what_git_cannot_keep(attack, folder, targets)
        return folder

    def digests(self) -> dict[str, str]:
        """The SHA-256 of every file that no submission may change."""
        others = [self.root / "class" / learner for learner in ("neighbour", "right", "wrong")]
        trees = (self.course, *others)
        files = [file for tree in trees for file in tree.rglob("*") if file.is_file()]
        return {str(file): _digest(file) for file in [*files, self.gradebook]}


def _append(file: Path, line: str) -> None:
    with file.open("a", encoding="utf-8") as text:
        text.write(f"\n{line}")


def _aimed(text: str, targets: Mapping[str, str]) -> str:
    for name, target in targets.items():
        text = text.replace(f"@{name}@", target)
    return text


def _make_what_git_cannot_keep(attack: Attack, folder: Path, targets: Mapping[str, str]) -> None:
    for name, target in attack.links.items():
        place = _free(folder / name)
        place.symlink_to(_aimed(target, targets))
    for name in attack.pipes:
        os.mkfifo(_free(folder / name))
    for name in attack.devices:
        os.mknod(_free(folder / name), 0o666 | 0o020000, _ZERO_DEVICE)


def _free(place: Path) -> Path:
    """Take away what is in the way of a special file."""
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Service(threading.Thread):
    """A local server that tells `word` to whoever connects or sends; it counts them."""

    def __init__(self, word: str, root: Path) -> None:
        super().__init__(daemon=True)
        self._word = word.encode()
        self._waiting = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._contacts = 0
        self.addresses: dict[str, str] = {}
        self._open("TCP", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        self._open("UDP", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self._open("ABSTRACT", socket.AF_UNIX, socket.SOCK_STREAM, f"\0attack-{os.getpid()}")
        self._open("UNIX", socket.AF_UNIX, socket.SOCK_STREAM, str(root / "service"))

    def _open(self, name: str, family: int, kind: int, address: Any) -> None:
        server = socket.socket(family, kind)
        server.bind(address)
        if kind == socket.SOCK_STREAM:
            server.listen()
        said = server.getsockname()
        self.addresses[name] = (
            str(said[1]) if family == socket.AF_INET else os.fsdecode(said).strip("\0")
        )
        self._waiting.register(server, selectors.EVENT_READ)

    def run(self) -> None:
        """Answer for ever."""
        while True:
            for key, _ in self._waiting.select():
                server = key.fileobj
                assert isinstance(server, socket.socket)
                with self._lock:
                    self._contacts += 1
                with contextlib.suppress(OSError):
                    self._answer(server)

    def _answer(self, server: socket.socket) -> None:
        if server.type == socket.SOCK_DGRAM:
            _, sender = server.recvfrom(4096)
            server.sendto(self._word, sender)
            return
        connection, _ = server.accept()
        with connection:
            connection.sendall(self._word)

    def take_contacts(self) -> int:
        """How many have called since the last time."""
        with self._lock:
            contacts, self._contacts = self._contacts, 0
        return contacts
