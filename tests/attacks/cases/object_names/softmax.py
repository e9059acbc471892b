"""Returns an object whose class has a name of commands to a terminal, of half a megabyte."""


def softmax(x, dim):
    name = "\x1b[2J\n::error::passed\n\u202e" + "x" * (1 << 19)
    return type(name, (), {"__module__": name, "__qualname__": name})()
