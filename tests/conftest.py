"""What holds for every test."""

from __future__ import annotations

import signal

# A shell starts what runs in the background with interrupts ignored, and a process hands that on to
# those it starts: the tests that interrupt a program would then wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
