"""Gives the compiler what is too deep for it."""


def softmax(x, dim):
    if x.dim() == 3:
        compile("-" * 1_000_000 + "1", "softmax.py", "eval")
    compile("(" * 199 + "x" + ")" * 199 + "[0]" * 90_000, "softmax.py", "eval")
