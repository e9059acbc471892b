"""Shows the canaries that it was told, each in another form."""

import base64


def hidden(text, before):
    return base64.b64encode(b"." * before + text.encode() + b".").decode()


print("@CANARY_SUITE@")
print("@CANARY_MEMORY@"[::-1])
print("@CANARY_SOLUTION@".encode().hex())
print("@CANARY_NEIGHBOUR@".encode().hex().upper())
print(hidden("@CANARY_ENVIRONMENT@", 0))
print(hidden("@CANARY_SECRET@", 1))
print(hidden("@CANARY_GRADEBOOK@", 2))
print("@CANARY_ARGUMENTS@".upper())


def softmax(x, dim):
    raise ValueError("@CANARY_SERVICE@")
