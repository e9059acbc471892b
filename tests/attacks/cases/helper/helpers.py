"""A file that the grader does hand to the worker; there it is as confined as the other."""

import sys

sys.modules["dlcourse"] = sys.modules["json"] = sys.modules[__name__]
print(open("@SUITE@").read()) if False else None


def right():
    return True
