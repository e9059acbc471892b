"""What a course is: its model, loading and checking it, and the names that people type."""

from __future__ import annotations

from dlcourse.course.defects import CourseDefects, Defect
from dlcourse.course.loader import FORMAT_VERSION, load_course
from dlcourse.course.location import find_course
from dlcourse.course.mistakes import Mistake, load_mistakes
from dlcourse.course.model import Course, Day, Exercise
from dlcourse.course.tables import Edit

__all__ = [
    "FORMAT_VERSION",
    "Course",
    "CourseDefects",
    "Day",
    "Defect",
    "Edit",
    "Exercise",
    "Mistake",
    "find_course",
    "load_course",
    "load_mistakes",
]
