"""`class.toml` read into a policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcourse.bulk.policy.days import is_day, short_name
from dlcourse.bulk.policy.lines import located
from dlcourse.bulk.policy.policy import Policy, Rules
from dlcourse.bulk.policy.tables import ClassTable, LateTable
from dlcourse.course.defects import CourseDefects, Defect, attempt
from dlcourse.course.reading import parse, read_toml
from dlcourse.course.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def read_policy(path: Path, days: Collection[str] = ()) -> Policy:
    """Return the policy that the file at `path` describes.

    `days` are the folders of the course's days; where they are given, the file may name no other.

    Raises:
        CourseDefects: the file is missing or no TOML, or says what makes no sense: all of that,
            each with key, line and remedy.
    """
    said = read_toml(Path(), str(path))
    try:
        return policy_of(said, str(path), days)
    except CourseDefects as error:
        text = path.read_text(encoding="utf-8")
        raise CourseDefects(located(text, defect) for defect in error.defects) from None


def policy_of(said: dict[str, Any], file: str, days: Collection[str] = ()) -> Policy:
    """Return the policy that the content of a `class.toml` describes; `file` is for messages.

    Raises:
        CourseDefects: as `read_policy`, without lines.
    """
    table = parse(ClassTable, said, file)
    found = list(_wrong_days(table, file, days))
    late = {day: _late(said, day, file, found) for day in table.days}
    if found:
        raise CourseDefects(found)
    usual = Rules(counts=table.counts, late=table.late)
    special = {
        short_name(day): Rules(counts=rules.counts or table.counts, late=late[day])
        for day, rules in table.days.items()
    }
    due = {short_name(day): moment for day, moment in table.due.items()}
    return Policy(usual=usual, days=special, due=due)


def _wrong_days(table: ClassTable, file: str, days: Collection[str]) -> Iterator[Defect]:
    known = {*days, *map(short_name, days)}
    for key, names in (("due", [*table.due]), ("days", [*table.days])):
        for name in names:
            if not is_day(name):
                yield Defect(file, f"{key}.{name}", "is no day", "name one like `day24`")
            elif known and name not in known:
                remedy = did_you_mean(name, sorted(known), "name a day of the course")
                yield Defect(file, f"{key}.{name}", "is no day of the course", remedy)
        for name in names:
            if name != short_name(name) and short_name(name) in names:
                problem = f"is the same day as `{short_name(name)}`"
                yield Defect(file, f"{key}.{name}", problem, "keep one of the two")


def _late(said: dict[str, Any], day: str, file: str, found: list[Defect]) -> LateTable | None:
    """Return the rules of a day: those of `[late]`, with what its own table says instead."""
    usual, own = said.get("late"), said["days"][day].get("late")
    if usual is None and own is None:
        return None
    wrong: list[Defect] = []
    late = attempt(wrong, parse, LateTable, {**(usual or {}), **(own or {})}, file)
    found += [replace(it, key=f"days.{day}.late.{it.key}".rstrip(".")) for it in wrong]
    return late
