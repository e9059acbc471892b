"""Theory anchors: whether the section that an anchor names is written."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from dlcourse.course import layout
from dlcourse.course.suggestion import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FENCE: Final = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r"\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_PLACE: Final = re.compile(r"""<a\s[^>]*\b(?:id|name)=["']([^"']+)["']""")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS: Final = re.compile(r"(?<!\w)_+(\S(?:.*?\S)?)_+(?!\w)")


def is_pending(root: Path, anchor: str) -> bool:
    """Whether the theory of the anchor's day is not written yet."""
    return not _pages(root, anchor.partition("/")[0])


def anchor_problem(root: Path, anchor: str) -> tuple[str, str] | None:
    """Return what is wrong with an anchor and what to do; None if it resolves or is pending."""
    place, _, section = anchor.partition("#")
    day, _, page = place.partition("/")
    pages = _pages(root, day)
    if not pages:
        return None
    if page not in pages:
        otherwise = f"name a page of `{layout.THEORY}/{day}`"
        return f"names the page `{page}`, which does not exist", did_you_mean(
            page, pages, otherwise
        )
    file = layout.theory_file(day, page)
    known = sections((root / file).read_text(encoding="utf-8"))
    if section in known:
        return None
    problem = f"names the section `#{section}`, which `{file}` does not have"
    return problem, did_you_mean(section, known, "name one of its headings")


@cache
def sections(text: str) -> tuple[str, ...]:
    """Return what links into a page of Markdown may name, as GitHub makes it from headings."""
    counts: dict[str, int] = {}
    slugs: list[str] = []
    for line in _outside_of_code(text):
        slugs += _PLACE.findall(line)
        if heading := _HEADING.match(line):
            slug = slug_of(heading[1])
            slugs.append(f"{slug}-{counts[slug]}" if slug in counts else slug)
            counts[slug] = counts.get(slug, 0) + 1
    return tuple(slugs)


def slug_of(heading: str) -> str:
    """Return a heading as GitHub writes it in a link: `## What's new?` is `whats-new`."""
    parts = _LINK.sub(r"\1", heading).split("`")
    # Underlines are emphasis outside of code, and letters inside.
    parts[::2] = [_EMPHASIS.sub(r"\1", part) for part in parts[::2]]
    plain = "".join(parts).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def _pages(root: Path, day: str) -> list[str]:
    return sorted(file.stem for file in (root / layout.THEORY / day).glob("day*.md"))


def _outside_of_code(text: str) -> Iterator[str]:
    fence = ""
    for line in text.splitlines():
        opened = _FENCE.match(line)
        if not fence and opened:
            fence = opened[1]
        elif fence and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence:
            yield line
