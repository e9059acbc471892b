"""What the TOML files say of an exercise: hints, mistakes, variants, theory."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from dlcourse.audit.form.anchors import anchor_problem
from dlcourse.audit.form.source import public, read_source
from dlcourse.audit.form.suite import test_names
from dlcourse.course import Defect, layout, load_mistakes
from dlcourse.course.defects import CourseDefects
from dlcourse.course.lines import located
from dlcourse.course.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlcourse.audit.form.source import Source
    from dlcourse.course import Exercise, Mistake

_MISTAKES: Final = 3
_VARIANTS: Final = 1


def hint_defects(exercise: Exercise) -> Iterator[Defect]:
    """Yield hints that repeat another, or that are far shorter than the one before."""
    lengths = [len(hint.split()) for hint in exercise.hints]
    words = [" ".join(hint.lower().split()) for hint in exercise.hints]
    for number in range(1, len(words)):
        if words[number] in words[:number]:
            problem = f"holds hint {number + 1}, which repeats an earlier one"
            yield _in_day(exercise, "hints", problem, "say one step more")
        elif lengths[number] < lengths[number - 1] / 2:
            problem = f"holds hint {number + 1}, which is less than half of the one before"
            remedy = "let hints grow, from a nudge to nearly the answer"
            yield _in_day(exercise, "hints", problem, remedy)


def theory_defects(exercise: Exercise) -> Iterator[Defect]:
    """Yield anchors of the exercise that lead nowhere."""
    for anchor in exercise.theory:
        if wrong := anchor_problem(exercise.root, anchor):
            yield _in_day(exercise, "theory", *wrong)


def mistake_defects(exercise: Exercise, suite: Source | None) -> Iterator[Defect]:
    """Yield mistakes that do not apply, lose no test of the suite, or lead nowhere."""
    try:
        mistakes = load_mistakes(exercise)
    except CourseDefects as error:
        yield from (located(exercise.root, defect) for defect in error.defects)
        return
    known = None if suite is None else test_names(suite)
    for mistake in mistakes:
        if known is not None and mistake.test not in known:
            problem = f"is `{mistake.test}`, which is no test of the suite"
            remedy = did_you_mean(mistake.test, known, "name one of its tests")
            yield _in_mistakes(exercise, mistake, "test", problem, remedy)
        if mistake.theory and (wrong := anchor_problem(exercise.root, mistake.theory)):
            yield _in_mistakes(exercise, mistake, "theory", *wrong)
    if exercise.core and len(mistakes) < _MISTAKES:
        file = layout.mistakes_file(exercise.day, exercise.name)
        problem = f"plants {len(mistakes)}, but a core exercise needs at least {_MISTAKES}"
        yield Defect(file, "mistake", problem, "plant what you have seen go wrong", 1)


def variant_defects(exercise: Exercise, stub: Source, solution: Source) -> Iterator[Defect]:
    """Yield variants that lack a name of the stub or are the solution again, and a lack of any."""
    if exercise.core and len(exercise.variants) < _VARIANTS:
        folder = layout.variants_folder(exercise.day, exercise.name)
        problem = f"holds no variant, but a core exercise needs at least {_VARIANTS}"
        yield Defect(folder, "", problem, "write the solution in another way")
    due = [name for name in public(stub.definitions()) if "." not in name]
    found: list[Defect] = []
    for path in exercise.variants:
        variant = read_source(exercise.root, path, found)
        if variant is None:
            continue
        for name in due:
            if name not in _bound(variant.tree):
                yield variant.defect(None, name, "is in the stub, but not here", "define it")
        if _code(variant.tree) == _code(solution.tree):
            yield variant.defect(None, "", "is the solution again", "write it in another way")
    yield from found


def _bound(tree: ast.Module) -> set[str]:
    """The names that a module binds at its top level, however."""
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                names |= {alias.asname or alias.name for alias in node.names}
            case _:
                stored = (each for each in ast.walk(node) if isinstance(each, ast.Name))
                names |= {each.id for each in stored if isinstance(each.ctx, ast.Store)}
    return names


def _code(tree: ast.Module) -> str:
    """The code without its docstrings: comments and wording make no variant."""
    copy = ast.parse(ast.unparse(tree))
    for node in ast.walk(copy):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return ast.dump(copy)


def _in_day(exercise: Exercise, key: str, problem: str, remedy: str) -> Defect:
    file = layout.day_file(exercise.day)
    defect = Defect(file, f"exercise.{exercise.name}.{key}", problem, remedy)
    return located(exercise.root, defect)


def _in_mistakes(
    exercise: Exercise, mistake: Mistake, key: str, problem: str, remedy: str
) -> Defect:
    defect = Defect(mistake.file, f"mistake.{mistake.id}.{key}", problem, remedy)
    return located(exercise.root, defect)
