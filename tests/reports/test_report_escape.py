"""What graded code writes is shown, never obeyed."""

from __future__ import annotations

import unicodedata

import pytest

from dlcourse.reports.escape import defuse, escape, escape_line, excerpt


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]8;;http://x\x07", r"\x1b]8;;http://x\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\x00\x08\x0b\x0c\x1f\x7f", r"\x00\x08\x0b\x0c\x1f\x7f"),
        ("a\u202eb\u2066c\u200e", r"a\u202eb\u2066c\u200e"),
        ("ze\u200bro\u2060\ufeff", r"ze\u200bro\u2060\ufeff"),
        ("hidden\U000e0041\u3164\u115f", r"hidden\U000e0041\u3164\u115f"),
        ("line\u2028para\u2029next\x85", r"line\u2028para\u2029next\x85"),
        ("\ud800", r"\ud800"),
    ],
)
def test_controls_are_written_out(text: str, shown: str) -> None:
    """What would act on the terminal is shown as Python's escape."""
    assert escape(text) == shown


def test_every_code_point_is_visible_once_escaped() -> None:
    """No code point comes through as a control, a format, a surrogate or a separator."""
    planes = [*range(0x40000), *range(0xE0000, 0xE1000)]
    shown = {each for code in planes for each in escape(chr(code))} - {"\n", "\t"}
    acting = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert [each for each in sorted(shown) if unicodedata.category(each) in acting] == []


@pytest.mark.parametrize("text", ["", "loss: 0.5", "é 漢字 Δβ≤½ ✅", "a\n\tb", "[bold]x[/]"])
def test_plain_text_is_left_alone(text: str) -> None:
    """Letters of all scripts, symbols, newlines and tabs stay as they are."""
    assert escape(text) == text


def test_a_carriage_return_starts_a_line() -> None:
    """Neither a progress bar nor a forger can write over a line."""
    assert escape("10 %\r20 %\r\ndone") == "10 %\n20 %\ndone"


def test_an_emoji_keeps_its_shape() -> None:
    """The invisible request for an emoji's colours is dropped, not shown."""
    assert escape("\u26a0\ufe0f loss") == "\u26a0 loss"


def test_towers_of_accents_are_cut() -> None:
    """Three combining marks stay on their letter; further ones are written out."""
    assert escape("a" + "\u0301" * 4 + "b") == "a" + "\u0301" * 3 + r"\u0301b"


def test_a_line_stays_one_line() -> None:
    """A newline in what must be a line is shown, and a tab takes its columns."""
    assert escape_line("one\ntwo\tend") == r"one\ntwo" + "    end"


def test_a_long_line_says_what_it_lacks() -> None:
    """A cut line names the number of characters that were left out."""
    assert escape_line("x" * 1500, 1000) == "x" * 1000 + " [500 more characters]"


def test_a_line_that_just_fits_is_whole() -> None:
    """Nothing is left out of a line as long as the limit."""
    assert escape_line("x" * 1000, 1000) == "x" * 1000


def test_an_excerpt_keeps_both_ends() -> None:
    """The first and the last lines are kept, and the number between them is told."""
    lines = "".join(f"{number}\n" for number in range(1500))
    assert excerpt(lines, lines=5) == ("0", "1", "2", "[1,495 more lines]", "1498", "1499")


def test_an_excerpt_of_little_is_all_of_it() -> None:
    """Short text is kept whole, without the empty lines around it."""
    assert excerpt("\n  a\nb\n\n", lines=2) == ("  a", "b")


@pytest.mark.parametrize(
    ("line", "safe"),
    [
        ("::set-output name=score::12", r"\::set-output name=score::12"),
        (" \t ::add-mask::x", " \t \\::add-mask::x"),
        ("text ##[add-path]/tmp", r"text ##\[add-path]/tmp"),
        ("##vso[task.complete]", r"##vso\[task.complete]"),
        ("##teamcity[x] ##[y]", r"##teamcity\[x] ##\[y]"),
    ],
)
def test_commands_of_ci_runners_are_defused(line: str, safe: str) -> None:
    """A line that a runner would obey gets a backslash where it stops being one."""
    assert defuse(line) == safe


@pytest.mark.parametrize("line", ["x[::2]", "std::vector", ": : no", "## heading", "#[x]"])
def test_other_lines_are_not_touched(line: str) -> None:
    """Colons and hashes that no runner obeys stay as they are."""
    assert defuse(line) == line
