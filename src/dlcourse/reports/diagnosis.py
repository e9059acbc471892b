"""What was found of a machine, on a terminal: what works, what does not, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from dlcourse.grading.report import Outcome
from dlcourse.reports.page import Line, Span
from dlcourse.reports.wording import amount, counted
from dlcourse.sandbox.tier import missing_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.grading.machine.model import (
        Compiler,
        CourseFound,
        Device,
        Folder,
        Layer,
        Machine,
        Memory,
        Processors,
        Torch,
        Triton,
    )
    from dlcourse.reports.page import Page

_COLUMN: Final = 14
_INDENT: Final = 2
_BENEATH: Final = 4
# A machine without these grades all the same, so their absence is no fault.
_STATES: Final = {
    "works": (Outcome.PASSED, "green"),
    "fails": (Outcome.FAILED, "red"),
    "absent": (Outcome.SKIPPED, "yellow"),
}
_TIERS: Final = {
    "sandboxed": "fine for strangers' code. A worker has namespaces and a view of the files of its"
    " own: it sees, changes and reaches nothing else.",
    "confined": "fine for strangers' code. A worker reads no suite, writes no file and reaches no"
    " network. It is less than `sandboxed`: it still sees which files exist{}.",
    "none": "only for your own code. Graded code would run with your rights here: grade no"
    " stranger's on this machine.",
}


class _Row(NamedTuple):
    """One thing that was tried: how it went, its name, what there is to say, and to do."""

    state: Literal["works", "fails", "absent"]
    name: str
    text: str
    advice: str | None = None
    command: str | None = None


def write_machine(page: Page, machine: Machine) -> None:
    """Write everything that was found; the verdict stands last, where a terminal shows it."""
    _write_section(page, f"{machine.platform}, kernel {machine.kernel}", _machine_rows(machine))
    _write_section(page, "PyTorch", _torch_rows(machine))
    _write_section(page, "Compilers", map(_compiler, machine.compilers))
    _write_section(page, "Course", [_course(machine.course)])
    if machine.worker.layers:
        title = "Confinement, as a worker has it"
        _write_section(page, title, map(_layer, machine.worker.layers))
    for line in _verdict(machine):
        page.write(line)


def _write_section(page: Page, title: str, rows: Iterator[_Row] | list[_Row]) -> None:
    page.write(Line((Span(title, "bold"),)))
    told: set[str | None] = {None}
    for row in rows:
        outcome, style = _STATES[row.state]
        mark = f"{page.glyphs.marks[outcome]} "
        lead = Span(f"{mark}{row.name:<{_COLUMN}}", style)
        page.write(Line((Span(row.text),), _INDENT, lead))
        if row.advice not in told:
            _write_advice(page, row)
            told.add(row.advice)
    page.blank()


def _write_advice(page: Page, row: _Row) -> None:
    page.write(Line((Span(row.advice or "", "cyan"),), _BENEATH))
    if row.command is not None:
        page.write_whole(Line((Span(row.command, "cyan"),), _BENEATH))


def _machine_rows(machine: Machine) -> Iterator[_Row]:
    yield _Row("works", "Python", f"{machine.python.version}, {machine.python.executable}")
    missing = [package.name for package in machine.packages if package.version is None]
    versions = (f"{package.name} {package.version or 'is missing'}" for package in machine.packages)
    yield _Row("fails" if missing else "works", "packages", ", ".join(versions))
    yield _memory(machine.memory)
    yield _processors(machine.processors)
    yield from map(_folder, machine.folders)


def _memory(memory: Memory) -> _Row:
    if memory.total is None:
        return _Row("absent", "memory", "unknown")
    words = [amount(memory.total)]
    if memory.available is not None:
        words.append(f"{amount(memory.available)} available")
    if memory.limit is not None:
        words.append(f"limited to {amount(memory.limit)} here")
    return _Row("works", "memory", ", ".join(words))


def _processors(processors: Processors) -> _Row:
    words = f"{processors.usable} of {processors.present} usable"
    share = "" if processors.quota is None else f", limited to the time of {processors.quota:g}"
    return _Row("works", "processors", words + share)


def _folder(folder: Folder) -> _Row:
    if folder.problem is not None:
        return _Row("fails", folder.purpose, folder.problem)
    free = "" if folder.free is None else f", {amount(folder.free)} free"
    return _Row("works", folder.purpose, f"{folder.path}{free}")


def _torch_rows(machine: Machine) -> Iterator[_Row]:
    yield _torch(machine.torch)
    yield from map(_device, machine.devices)
    yield _triton(machine.triton)


def _torch(torch: Torch) -> _Row:
    if torch.problem is not None:
        advice = "Install it anew; this line shows whether it loads:"
        return _Row("fails", "torch", torch.problem, advice, "python -c 'import torch'")
    steady = "deterministic" if torch.deterministic else "not deterministic"
    threads = counted(torch.threads or 1, "thread")
    words = f"{torch.version}, {threads}, {steady}"
    return _Row("works" if torch.deterministic else "fails", "torch", words)


def _device(device: Device) -> _Row:
    if device.problem is not None:
        state: Literal["fails", "absent"] = "absent" if device.name == "cuda" else "fails"
        return _Row(state, device.name, f"not available: {device.problem}")
    words = [device.model or "works"]
    if device.memory is not None:
        words.append(amount(device.memory))
    return _Row("works", device.name, ", ".join(words))


def _triton(triton: Triton) -> _Row:
    if triton.version is None:
        return _Row("absent", "triton", triton.problem or "not installed")
    if triton.problem is not None:
        return _Row("fails", "triton", f"{triton.version}: {triton.problem}")
    return _Row("works", "triton", f"{triton.version}, its interpreter runs a kernel")


def _compiler(compiler: Compiler) -> _Row:
    if compiler.path is None:
        return _Row("absent", compiler.name, "not found")
    if compiler.problem is not None:
        return _Row("fails", compiler.name, f"{compiler.path}: {compiler.problem}")
    return _Row("works", compiler.name, compiler.version or compiler.path)


def _course(course: CourseFound) -> _Row:
    if course.problem is not None:
        return _Row("fails", "course", course.problem)
    exercises = counted(course.exercises or 0, "exercise")
    asks = "" if course.required == "none" else f"; it requires confinement `{course.required}`"
    return _Row("works", "course", f"{course.title}, {exercises}, in {course.root}{asks}")


def _layer(layer: Layer) -> _Row:
    words = f"active: {layer.detail}" if layer.active else f"not available: {layer.detail}"
    state: Literal["works", "fails"] = "works" if layer.active else "fails"
    return _Row(state, layer.name, words, layer.advice, layer.command)


def _verdict(machine: Machine) -> Iterator[Line]:
    worker = machine.worker
    if worker.problem is not None:
        yield Line((Span("Grading does not work here: ", "bold red"), Span(worker.problem)))
        return
    style = "bold yellow" if worker.tier == "none" else "bold green"
    active = [layer.name for layer in worker.layers if layer.active]
    missing = missing_for("sandboxed", active)
    without = f", for lack of {' and '.join(f'`{name}`' for name in missing)}" if missing else ""
    words = _TIERS[worker.tier].format(without)
    yield Line((Span(f"{worker.tier}: ", style), Span(words)))
    if machine.is_strong_enough:
        yield Line((Span("Grading works here.", "green"),))
    else:
        words = f"Confinement `{machine.required}` is required: nothing is graded here."
        yield Line((Span(words, "bold red"),))
