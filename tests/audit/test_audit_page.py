"""An audit as a table and as a page."""

from __future__ import annotations

import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from dlcourse.audit.matrix import to_html
from dlcourse.audit.model import AuditReport, ExerciseAudit, Figures, Finding, Survivor
from dlcourse.audit.table import AuditTable, write_end
from dlcourse.grading.report import Environment
from dlcourse.reports.page import Page

ENVIRONMENT = Environment(dlcourse="1.2", python="3.11", torch="2.13", platform="Linux x86_64")
FINDING = Finding(
    gate=3, file="graders/day01/a.toml", line=7, problem="the <mistake> `x` passes", remedy="mend"
)
GREEN = ExerciseAudit(
    exercise="scaled",
    day="day01_small",
    title="A tensor & a number",
    core=True,
    digest="0",
    figures=Figures(
        tests=2, points=3, variants=1, seeds=20, mistakes=2, mutants=11, killed=10, trivial=6
    ),
    tests=("test_value", "test_idle"),
    mapped={"quotient": "test_value", "nan": "test_value"},
    matrix={"quotient": "x.", "nan": "~."},
    survivors=(Survivor(mutant="f: 1 < x -> 1 <= x", line=3, kind="comparison", reason="Equal."),),
)
RED = GREEN.model_copy(update={"exercise": "broken", "findings": (FINDING,)})


def report(*audits: ExerciseAudit) -> AuditReport:
    """A report of some exercises."""
    return AuditReport(course="A <small> course", environment=ENVIRONMENT, exercises=audits)


def printed(document: AuditReport) -> str:
    """The table as plain text."""
    stream = io.StringIO()
    page = Page(Console(file=stream, width=100, highlight=False))
    table = AuditTable(page, 10)
    for audit in document.exercises:
        table.finished(audit)
    write_end(page, document)
    return stream.getvalue()


def test_table_has_a_row_of_figures() -> None:
    """A row holds tests, right programs by seeds, mistakes, killed mutants and the verdict."""
    row = printed(report(GREEN)).splitlines()[0].split()
    assert row == ["scaled", "2", "2x20", "2", "10/11", "6", "0.00", "green"]


def test_findings_stand_on_one_line_each() -> None:
    """A finding is one line with file, line, problem and remedy, below its exercise's row."""
    lines = printed(report(RED, GREEN)).splitlines()
    assert lines[1] == "graders/day01/a.toml:7: the <mistake> `x` passes: mend"
    assert lines[2].startswith("scaled")
    assert "1 finding to mend." in lines


def test_totals_tell_the_rate_of_killed_mutants() -> None:
    """The last lines give the sums of all exercises."""
    text = " ".join(printed(report(GREEN, GREEN)).split())
    assert "2 exercises: 4 planted mistakes, 20 of 22 mutants killed (90.9%), 2 explained" in text
    assert text.endswith("Everything holds.")


class Tags(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))


def tags_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    """The tags of a page."""
    parser = Tags()
    parser.feed(page)
    return parser.tags


def test_page_loads_nothing_from_elsewhere() -> None:
    """The page holds no script, and every link stays inside it."""
    tags = tags_of(to_html(report(GREEN, RED)))
    assert not [tag for tag, _ in tags if tag in {"script", "link", "img", "iframe"}]
    links = [attributes.get("href") or "" for tag, attributes in tags if tag == "a"]
    assert links
    assert all(link.startswith("#") for link in links)


def test_page_has_a_cell_for_each_mistake_and_test() -> None:
    """The matrix says in words how each mistake fares on each test, and which is named for it."""
    tags = tags_of(to_html(report(GREEN)))
    cells = [attributes["aria-label"] for _, attributes in tags if "aria-label" in attributes]
    own = ", the test named for it"
    assert cells == [f"lost{own}", "passed", f"lost in some runs{own}", "passed"]


@pytest.mark.parametrize("text", ["A &lt;small&gt; course", "A tensor &amp; a number", "1 &lt; x"])
def test_page_escapes_what_it_is_told(text: str) -> None:
    """Titles, mutants and findings cannot add markup."""
    assert text in to_html(report(GREEN, RED))


def test_page_names_tests_that_catch_no_mistake() -> None:
    """A test that no planted mistake loses is named below the matrix."""
    assert "Lost by no planted mistake: <code>test_idle</code>" in to_html(report(GREEN))
