"""Raises through thousands of frames, and bends the traceback into a ring."""


def deeper(n):
    if n:
        return deeper(n - 1)
    raise KeyError("deep")


def softmax(x, dim):
    try:
        deeper(900)
    except KeyError as error:
        trace = error.__traceback__
        while trace.tb_next:
            trace = trace.tb_next
        try:
            trace.tb_next = error.__traceback__
        except ValueError as ring:
            print(ring)
        raise
