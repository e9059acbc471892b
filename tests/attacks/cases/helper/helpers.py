"""A file that the grader does hand to the worker; there it is as confined as the other."""

import sys

for name in ("dlcourse", "json", "pytest"):
    sys.modules[name] = sys.modules[__name__]
try:
    print(open("@SUITE@").read())
except OSError as error:
    print(error)


def right():
    return True
