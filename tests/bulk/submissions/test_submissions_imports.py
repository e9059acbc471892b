"""What finding submissions may load."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """\
import sys
import dlcourse.bulk.submissions
print(sorted({name.partition(".")[0] for name in sys.modules} & {"numpy", "pytest", "torch"}))
"""


def test_finding_submissions_loads_nothing_heavy() -> None:
    """Neither torch, numpy nor pytest is loaded, by whatever route."""
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"
