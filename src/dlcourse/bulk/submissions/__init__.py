"""Submissions of a class: found, looked into and matched with the roster, all of it hostile."""

from __future__ import annotations

from dlcourse.bulk.submissions.finding import LAYOUTS, find_submissions
from dlcourse.bulk.submissions.locate import locate
from dlcourse.bulk.submissions.matching import Matched, match_all
from dlcourse.bulk.submissions.naming import shown_name
from dlcourse.bulk.submissions.roster import Entry, Roster, read_roster
from dlcourse.bulk.submissions.submission import Found, Submission

__all__ = [
    "LAYOUTS",
    "Entry",
    "Found",
    "Matched",
    "Roster",
    "Submission",
    "find_submissions",
    "locate",
    "match_all",
    "read_roster",
    "shown_name",
]
