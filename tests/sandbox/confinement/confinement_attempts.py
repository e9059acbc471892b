"""What graded code might try, one function each; harmless, since each also runs unconfined.

Arguments and results cross a process boundary as JSON. No function catches what the system
answers. Imports stand inside where the import itself is the attempt.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import threading
import time
from pathlib import Path

from dlcourse.sandbox.confinement import (
    Confinement,
    Limits,
    descriptors,
    limits,
    linux,
    no_new_privs,
    policy,
    root,
    seccomp,
    user,
    view,
)
from dlcourse.sandbox.confinement.landlock import Ruleset
from dlcourse.sandbox.confinement.namespaces import Namespaces
from dlcourse.sandbox.confinement.syscalls import NUMBERS

_libc = ctypes.CDLL(None, use_errno=True)
_SHORT = 5.0  # seconds; a bound for what should answer at once


def read(path: str) -> str:
    """Return the first bytes of a file."""
    with Path(path).open("rb") as file:
        return file.read(64).decode(errors="replace")


def see_folder_of_parent() -> str:
    """Ask where it works."""
    return str(Path(f"/proc/{os.getppid()}/cwd").readlink())


def read_environment_of_parent() -> str:
    """Look for secrets in it."""
    return read(f"/proc/{os.getppid()}/environ")


def list_folder(path: str) -> list[str]:
    """Return the names in a folder."""
    return sorted(os.listdir(path))  # noqa: PTH208 - as plain as an attacker's


def append(path: str) -> None:
    """Open a file for writing."""
    with Path(path).open("a"):
        pass


def create(path: str) -> None:
    """Make a new file."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def truncate_by_reading(path: str) -> None:
    """Empty a file that is opened for reading only."""
    os.close(os.open(path, os.O_RDONLY | os.O_TRUNC))


def open_for_neither(path: str) -> None:
    """Open with the access mode that asks for neither reading nor writing."""
    os.close(os.open(path, os.O_ACCMODE))


def create_nameless(folder: str) -> None:
    """Make a new file that has no name."""
    os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600))


def change_mode(path: str) -> None:
    """Change who may use a file."""
    Path(path).chmod(0o644)


def change_mode_of_open_file(path: str) -> None:
    """The same, through a descriptor for reading."""
    with Path(path).open() as file:
        os.fchmod(file.fileno(), 0o644)


def change_owner(path: str) -> None:
    """Give a file to its own owner again."""
    os.chown(path, -1, -1)


def change_times(path: str) -> None:
    """Touch a file."""
    os.utime(path)


def link(path: str) -> None:
    """Give a file a second name."""
    Path(f"{path}.link").hardlink_to(path)


def link_symbolically(path: str) -> None:
    """Make a link to a file."""
    Path(f"{path}.symbolic").symlink_to(path)


def rename(path: str) -> None:
    """Rename a file to itself."""
    Path(path).rename(path)


def make_folder(path: str) -> None:
    """Make a folder."""
    Path(path).mkdir()


def lease(path: str) -> None:
    """Ask to be told before anyone else opens a file, who then has to wait."""
    with Path(path).open() as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)


def lock(path: str) -> None:
    """Lock a file that is open for reading."""
    with Path(path).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def watch() -> None:
    """Ask to be told of changes in folders."""
    os.close(_checked(_libc.inotify_init1(0)))


def connect_tcp(port: int) -> None:
    """Connect to a port of this machine."""
    socket.create_connection(("127.0.0.1", port), timeout=_SHORT).close()


def send_udp(port: int) -> int:
    """Send a datagram to a port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", port))


def connect_unix(address: str) -> None:
    """Connect to a local service."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(address)


def send_from_pair(address: str) -> int:
    """Send to a local service from a socket that came as one of a pair."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        return ours.sendto(b"x", address)


def list_interfaces() -> None:
    """Ask a socket for the machine's network addresses."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fcntl.ioctl(ours, 0x8912, struct.pack("iP", 0, 0))  # SIOCGIFCONF


def start_program() -> int:
    """Run another program."""
    return os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1]


def replace_program() -> None:
    """Become a program that does not exist: only the right to try is tested."""
    os.execv("/nonexistent", ["x"])  # noqa: S606 - the attempt itself


def fork() -> None:
    """Make a second process."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def enter_namespace() -> None:
    """Enter a user namespace, where one has every capability."""
    _checked(_libc.unshare(0x10000000))  # CLONE_NEWUSER


def signal_parent() -> None:
    """Ask whether a signal could be sent."""
    os.kill(os.getppid(), 0)


def signal_group() -> None:
    """Signal the own group, which may hold others."""
    os.kill(0, 0)


def aim_signals_at_parent() -> None:
    """Have it signalled when a socket becomes readable."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fcntl.fcntl(ours, fcntl.F_SETOWN, os.getppid())


def read_limits_of_parent() -> None:
    """Ask for its limits, by the call that also sets them."""
    resource.prlimit(os.getppid(), resource.RLIMIT_CORE)


def pin_parent() -> None:
    """Set the processors that it may use to what they are."""
    os.sched_setaffinity(os.getppid(), os.sched_getaffinity(os.getppid()))


def weigh_group() -> None:
    """Set the priority of all processes of this group to what it is."""
    os.setpriority(os.PRIO_PGRP, 0, os.getpriority(os.PRIO_PGRP, 0))


def read_clock_of_parent() -> float:
    """Read how much processor time it has used."""
    return read_clock(os.getppid())


def read_clock(pid: int) -> float:
    """Read how much processor time a process has used, in seconds."""
    return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of a process


def outlive_parent() -> None:
    """Take back the wish to die with the parent."""
    _checked(_libc.prctl(1, 0, 0, 0, 0))  # PR_SET_PDEATHSIG


def share_memory() -> None:
    """Make memory that others can attach."""
    _checked(_libc.shmctl(_checked(_libc.shmget(0, 4096, 0o600)), 0, None))


def name_memory() -> None:
    """Make memory that has a descriptor."""
    os.close(os.memfd_create("x"))


def become_another() -> None:
    """Take one's own effective user as the real one, too."""
    os.setresuid(os.geteuid(), -1, -1)


def grow_pipe() -> None:
    """Take more of the pipe memory that a user has in all."""
    fcntl.fcntl(os.pipe()[0], fcntl.F_SETPIPE_SZ, 1 << 17)


def allocate(size: int) -> int:
    """Take memory and touch it."""
    return len(bytearray(size))


def map_memory(size: int) -> int:
    """Take shared memory."""
    with mmap.mmap(-1, size) as area:
        return len(area)


def open_many(count: int) -> None:
    """Open many descriptors."""
    for _ in range(count):
        os.pipe()


def start_threads(count: int) -> int:
    """Have many threads at once, with stacks so small that memory does not stop them."""
    threading.stack_size(1 << 16)
    release = threading.Event()
    threads = [threading.Thread(target=release.wait, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
    finally:
        release.set()
    return len(threads)


def spin() -> None:
    """Use processor time for ever, deaf to every signal that can be ignored."""
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    while True:
        pass


def raise_limit(name: str) -> None:
    """Raise one's own limit by one."""
    kind = getattr(resource, name)
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft + 1, hard + 1))


def write_descriptor(descriptor: int) -> int:
    """Write to what was left open."""
    return os.write(descriptor, b"x")


def capabilities() -> int:
    """Return the effective capabilities as the kernel tells them."""
    data = ctypes.create_string_buffer(24)
    _checked(_libc.capget(struct.pack("=Ii", 0x20080522, 0), data))
    low, _, _, high, _, _ = struct.unpack("=6I", data.raw)
    return int(low | high << 32)


def is_session_leader() -> bool:
    """Tell whether this process leads its own session."""
    return os.getsid(0) == os.getpid()


def import_lazily(name: str) -> str:
    """Import a module for the first time and return where it came from."""
    module = __import__(name)
    return str(module.__file__)


def use_threads() -> int:
    """Add up in four threads."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - lazily, as a learner's

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(abs, range(-100, 0)))


def use_asyncio() -> str:
    """Run an event loop."""
    import asyncio  # noqa: PLC0415 - lazily, as a learner's

    async def answer() -> str:
        await asyncio.sleep(0)
        return await asyncio.to_thread(str, 7)

    return asyncio.run(answer())


def use_callback() -> list[int]:
    """Call back from C into Python, which needs memory that can be executed."""
    compare = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)
    )(lambda a, b: int(a[0]) - int(b[0]))
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    _libc.qsort(numbers, 3, ctypes.sizeof(ctypes.c_int), compare)
    return list(numbers)


def use_devices() -> int:
    """Throw output away and draw random bytes."""
    with Path("/dev/null").open("w") as null:
        null.write("x")
    with Path("/dev/urandom").open("rb") as random:
        return len(random.read(8)) + len(os.urandom(8))


def use_clocks_and_pipes() -> list[str]:
    """Do what programs do all day."""
    reading, writing = os.pipe()
    os.write(writing, b"x")
    os.set_blocking(reading, False)
    os.kill(os.getpid(), 0)
    resource.prlimit(0, resource.RLIMIT_CPU)
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    clocks = (time.time(), time.monotonic(), time.thread_time(), time.process_time())
    return [os.read(reading, 1).decode(), *(type(clock).__name__ for clock in clocks)]


def abort() -> None:
    """Die as a failed check in C does."""
    os.abort()


def call_by_number(number: int) -> int:
    """Make any system call, with zeros as arguments."""
    return _checked(_libc.syscall(number, 0, 0, 0, 0, 0, 0))


def find_undenied_calls() -> list[str]:
    """Make every call that is always denied, and return those that were not."""
    column = linux.architecture().column
    numbers = {name: NUMBERS[name][column] for name in policy.denied_calls()}
    return [name for name, number in numbers.items() if number and not _is_denied(number)]


def under_one_layer(layer: str, function: str, *arguments: object) -> object:
    """Make an attempt with one of the two strongest layers put on alone."""
    ruleset = Ruleset.prepare(view.readable([]))
    no_new_privs.apply()
    confined = ruleset.apply() if layer == "landlock" else seccomp.apply()
    assert confined.active, confined.detail
    return globals()[function](*arguments)


def limit_without_proc() -> tuple[bool, str]:
    """Set the limits where the own size cannot be read."""
    limits._PROC = Path("/nonexistent")
    layer = limits.apply(Limits(), user.private_user(0))
    return layer.active, layer.detail


def limit_in_a_namespace() -> tuple[bool, str]:
    """Set the limits as the root of a namespace that has no other user."""
    me = os.geteuid()
    enter_namespace()
    Path("/proc/self/uid_map").write_text(f"0 {me} 1")
    layer = limits.apply(Limits(), user.private_user(0))
    return layer.active, layer.detail


def enter_namespaces_again() -> tuple[bool, str]:
    """Enter new namespaces from where one is; a refusal leaves the process as it was."""
    layer = Namespaces.enter(rehearsal=root.build).layer
    return layer.active, layer.detail


def stumble_in_the_rehearsal() -> tuple[bool, str]:
    """Enter where the view cannot be made."""

    def fail() -> None:
        raise OSError(errno.ENODEV, "`mount` failed: No such device")

    layer = Namespaces.enter(rehearsal=fail).layer
    return layer.active, layer.detail


def users() -> tuple[list[int], list[int], list[int]]:
    """Return the users and groups that this process has: real, effective and saved."""
    return list(os.getresuid()), list(os.getresgid()), os.getgroups()


def processes() -> list[int]:
    """Return the numbers that can be signalled, without sending a signal."""
    found = []
    for number in range(1, 1000):
        with contextlib.suppress(OSError):
            os.kill(number, 0)
            found.append(number)
    return found


def interfaces() -> list[str]:
    """Return the network devices there are."""
    return [name for _, name in socket.if_nameindex()]


def host_name() -> str:
    """Return the machine's name."""
    return os.uname().nodename


def exists(path: str) -> bool:
    """Whether a path has anything at its end, which no right is needed to ask."""
    return os.path.lexists(path)


def mount_memory(folder: str) -> None:
    """Mount an empty file system over a folder."""
    linux.call("mount", b"tmpfs", folder.encode(), b"tmpfs", 0, None)


def write_anywhere() -> list[str]:
    """Return the folders of the root, and of the view, in which a file can be made."""
    places = [str(path) for path in (Path("/"), *Path("/").iterdir(), *view.roots())]
    found = []
    for place in places:
        with contextlib.suppress(OSError):
            os.close(os.open(f"{place}/new", os.O_CREAT | os.O_WRONLY, 0o600))
            found.append(place)
    return found


def confine_again() -> list[tuple[str, bool, str]]:
    """Prepare and put on every layer inside a process that may do neither."""
    layers = Confinement.prepare(hidden=[]).confine(Limits())
    return [(layer.name, layer.active, layer.detail) for layer in layers]


def confine_beside_a_thread() -> None:
    """Put confinement on while a second thread runs."""
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    try:
        Confinement.prepare(hidden=[]).confine(Limits())
    finally:
        release.set()
        thread.join()


def close_all_but_one(way: str) -> list[bool]:
    """Close every new descriptor but the last and tell which of five are still open."""
    given = [number for number in range(256) if _is_open(number)]
    new = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
    getattr(descriptors, way)({*given, new[-1]})
    return [_is_open(descriptor) for descriptor in new]


def parent_death_signal() -> int:
    """Return the signal that this process gets when its parent ends."""
    number = ctypes.c_int()
    _checked(_libc.prctl(2, ctypes.byref(number), 0, 0, 0))  # PR_GET_PDEATHSIG
    return number.value


def _is_denied(number: int) -> bool:
    try:
        call_by_number(number)
    except PermissionError as error:
        return error.errno == errno.EPERM
    except OSError:
        return False
    return False


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _checked(result: int) -> int:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
