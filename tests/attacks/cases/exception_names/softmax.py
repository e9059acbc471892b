"""Raises an exception whose type has a name of a megabyte, with commands to a terminal in it."""


def softmax(x, dim):
    name = "\x1b[2J\x1b]8;;https://example.org\x07\n::error::\u202e" + "x" * (1 << 19)
    kind = type(name, (Exception,), {"__module__": name, "__qualname__": name})
    raise kind(name)
