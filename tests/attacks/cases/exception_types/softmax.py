"""Raises an exception whose type lies about its name, its bases and its message."""


class Meta(type):
    @property
    def __name__(cls):
        return ["Skipped", {}]

    @property
    def __mro__(cls):
        return [int] * 100_000


class Evil(Exception, metaclass=Meta):
    def __str__(self):
        return Text("x")

    @property
    def __traceback__(self):
        return None


class Text(str):
    def __getitem__(self, _):
        return object()


def softmax(x, dim):
    raise Evil
