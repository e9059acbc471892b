"""Copies of arguments, as a suite needs them; a worker makes them too, so they stand there."""

from __future__ import annotations

from dlcourse.sandbox.replicas import replica, replicas

__all__ = ["replica", "replicas"]
