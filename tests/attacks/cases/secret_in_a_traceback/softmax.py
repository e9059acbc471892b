"""Raises as if it stood in the suite, whose lines a traceback would then show."""

import linecache

linecache.clearcache()
for number in range(1, 100):
    print(linecache.getline("@SUITE@", number), end="")


def raising():
    raise KeyError("here")


raising.__code__ = raising.__code__.replace(co_filename="@SUITE@", co_firstlineno=1)


def softmax(x, dim):
    raising()
