"""Imports a helper beside it that is a pipe."""

from helpers import softmax
