"""Reads from address zero."""

import ctypes


def softmax(x, dim):
    ctypes.string_at(0)
