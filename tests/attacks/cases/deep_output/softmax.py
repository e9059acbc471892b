"""Returns a list that holds itself, or one that is nested 100,000 times."""


def softmax(x, dim):
    nested = []
    if x.dim() == 3:
        nested.append(nested)
    for _ in range(100_000):
        nested = [nested]
    return nested
