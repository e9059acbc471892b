"""The static pass: what a source text names, whatever it calls it, and what it could hide."""

from __future__ import annotations

import pytest

from dlcourse.sandbox.naming import resolve
from dlcourse.testing import source
from dlcourse.testing.rules import rules_of
from dlcourse.testing.source import read_sources

RULES = rules_of(
    [
        "torch.nn.functional.silu",
        "torch.nn.SiLU",
        "torch.softmax",
        "torch.enable_grad",
        "torch.distributions",
        "torch.exp",
        "numpy.linalg.eig",
    ]
)
PRELUDE = """\
import math
import numpy as np
import torch
import torch as t
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import softmax as s, silu
from torch.nn.modules.activation import SiLU as Q
"""


def found(text: str, prelude: str = PRELUDE) -> list[tuple[int, str, bool]]:
    """Return line, name and whether it hides for what is found below a prelude."""
    findings = read_sources({"work.py": prelude + text}, RULES)
    assert all(finding.way == "source" and not finding.is_claim for finding in findings)
    assert all(finding.place.file == "work.py" for finding in findings)
    offset = len(prelude.splitlines())
    return [(each.place.line - offset, each.name, each.hides) for each in findings]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("F.silu(x)", "torch.nn.functional.silu"),
        ("silu(x)", "torch.nn.functional.silu"),
        ("torch._C._nn.silu(x)", "torch.nn.functional.silu"),
        ("torch.ops.aten.silu(x)", "torch.nn.functional.silu"),
        ("torch.ops.aten.silu_backward.default(x, x)", "torch.nn.functional.silu"),
        ("g = torch.nn.functional.silu", "torch.nn.functional.silu"),
        ("def g(x, act=F.silu): pass", "torch.nn.functional.silu"),
        ("f'{F.silu(x)}'", "torch.nn.functional.silu"),
        ("lambda x: F.silu(x)", "torch.nn.functional.silu"),
        ("getattr(F, 'silu')(x)", "torch.nn.functional.silu"),
        ("getattr(getattr(t, 'nn'), 'functional').silu(x)", "torch.nn.functional.silu"),
        ("vars(F)['silu'](x)", "torch.nn.functional.silu"),
        ("F.__dict__['silu'](x)", "torch.nn.functional.silu"),
        ("nn.SiLU()", "torch.nn.SiLU"),
        ("Q()", "torch.nn.SiLU"),
        ("class Mine(nn.SiLU): pass", "torch.nn.SiLU"),
        ("s(x, -1)", "torch.softmax"),
        ("t.softmax(x, -1)", "torch.softmax"),
        ("torch.special.softmax(x, -1)", "torch.softmax"),
        ("torch.Tensor.softmax(x, -1)", "torch.softmax"),
        ("torch._VF.softmax(x, -1)", "torch.softmax"),
        ("x.softmax(-1)", "torch.softmax"),
        ("(x - 1).softmax(-1)", "torch.softmax"),
        ("getattr(x, 'softmax')(-1)", "torch.softmax"),
        ("@torch.enable_grad()\ndef g(x): pass", "torch.enable_grad"),
        ("torch.distributions.Normal(0, 1)", "torch.distributions"),
        ("import torch.distributions as D\nD.Normal(0, 1)", "torch.distributions"),
        ("from torch.distributions import Normal\nNormal(0, 1)", "torch.distributions"),
        ("np.linalg.eig(x)", "numpy.linalg.eig"),
        ("if __name__ == '__main__':\n    pass\nelse:\n    F.silu(x)", "torch.nn.functional.silu"),
    ],
)
def test_a_forbidden_name_is_found_under_any_alias(line: str, name: str) -> None:
    """Imports, attributes, constants and methods that may be a tensor's are followed."""
    assert {(name, False)} == {(name, hides) for _, name, hides in found(line)}


def test_an_alias_is_found_where_it_is_used() -> None:
    """A plain assignment renames, on the line where it stands and on those that use it."""
    text = "nn2 = torch.nn\ndef g(x):\n    act = nn2.functional.silu\n    return act(x)\n"
    assert [line for line, _, _ in found(text)] == [3, 4]


def test_a_module_imported_as_a_whole_is_found() -> None:
    """A name from `import *` means what the module has under it."""
    text = "def g(x):\n    return silu(x) + tanh(x)\n"
    prelude = "from torch.nn.functional import *\n"
    assert found(text, prelude) == [(2, "torch.nn.functional.silu", False)]
    assert found("silu = 3\nprint(silu)\n", prelude) == []


@pytest.mark.parametrize(
    "text",
    [
        '"""torch.softmax and F.silu are forbidden."""',
        "# F.silu(x)\nname = 'F.silu'",
        "def g(x: nn.SiLU) -> torch.softmax: pass",
        "y: nn.SiLU",
        "if __name__ == '__main__':\n    print(F.silu(torch.ones(3)))",
        "def softmax(x): return x\nsoftmax(3)",
        "class A:\n    def softmax(self, x): return x\nA().softmax(3)",
        "class A:\n    def __init__(self): self.softmax = len\n    def f(self): self.softmax([])",
        "math.exp(2.0) + np.exp(2.0)",
        "x * torch.sigmoid(x) + torch.log_softmax(x, -1)",
        "import re\nre.compile('x')",
        "model.eval()\ntorch.compile(model)",
        "def g(compile): return compile\nexec_ = 3",
        "getattr(x, name)",
        "x[0] + x.y[1]",
    ],
)
def test_what_is_no_use_is_not_found(text: str) -> None:
    """Text, comments, annotations, the main block, and names of the file's own stay unnamed."""
    assert found(text) == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import threading", "threading"),
        ("from threading import Thread", "threading.Thread"),
        ("import concurrent.futures", "concurrent.futures"),
        ("import importlib", "importlib"),
        ("import ctypes", "ctypes"),
        ("from torch import overrides", "torch.overrides"),
        ("import torch.utils._python_dispatch", "torch.utils._python_dispatch"),
        ("torch._C._DisableTorchDispatch()", "torch._C._DisableTorchDispatch"),
        ("t._C.DisableTorchFunction()", "torch._C.DisableTorchFunction"),
        ("torch._C._pop_torch_function_stack()", "torch._C._pop_torch_function_stack"),
        ("torch._C._AutoDispatchBelowAutograd", "torch._C._AutoDispatchBelowAutograd"),
        ("class A:\n    def __torch_function__(self): pass", "__torch_function__"),
        ("x.__torch_dispatch__", "__torch_dispatch__"),
        ("eval('F.si' + 'lu')", "eval"),
        ("exec = exec\nexec(text)", "exec"),
        ("__name__ = '__main__'", "__name__"),
        ("exec(text)", "exec"),
        ("compile(text, '', 'exec')", "compile"),
        ("__import__('torch')", "__import__"),
        ("import builtins\nbuiltins.exec(text)", "builtins.exec"),
        ("getattr(F, 'si' + 'lu')(x)", "getattr"),
        ("getattr(torch.nn.functional, name)", "getattr"),
        ("vars(torch)[name]", "getattr"),
        ("torch.__dict__[name]", "getattr"),
        ("import sys\nsys.modules['torch']", "sys.modules"),
        ("import sys\nsys.setprofile(None)", "sys.setprofile"),
        ("import operator\noperator.attrgetter('silu')(F)", "operator.attrgetter"),
        ("from dlcourse.sandbox import claims", "dlcourse.sandbox.claims"),
        ("import dlcourse", "dlcourse"),
        ("import sys\nsys._getframe(1)", "sys._getframe"),
        ("import inspect\ninspect.currentframe()", "inspect.currentframe"),
        ("import gc\ngc.get_objects()", "gc.get_objects"),
        ("error.__traceback__.tb_frame", "__traceback__"),
        ("import sys\nsys.exc_info()[2]", "sys.exc_info"),
    ],
)
def test_what_could_hide_a_call_is_found(line: str, name: str) -> None:
    """Threads, switches of the modes, text that becomes code, and ways to the worker's parts."""
    assert (name, True) in [(name, hides) for _, name, hides in found(line)]


@pytest.mark.parametrize(
    "line",
    [
        "h = [torch][0].softmax",  # a method of something unknown, which is a tensor's too
        "x.map_(x, lambda a, b: F.silu(a))",
    ],
)
def test_a_detour_does_not_help(line: str) -> None:
    """What the pass cannot follow it still reads."""
    assert found(line) != []


def test_every_file_of_a_submission_is_read() -> None:
    """A helper beside the stub may hold the call."""
    sources = {"work.py": "import helper", "helper.py": "import torch\ntorch.softmax(x, 0)"}
    (finding,) = read_sources(sources, RULES)
    assert (finding.place.file, finding.place.line) == ("helper.py", 2)


def test_without_a_rule_nothing_is_found() -> None:
    """Where nothing is forbidden, nothing can be hidden either."""
    assert read_sources({"work.py": "import threading; eval('1')"}, ()) == ()


@pytest.mark.parametrize(
    "text",
    [
        "-" * 100_000 + "1",
        "not " * 50_000 + "1",
        "a" + ".a" * 100_000,
        "1" + "+1" * 100_000,
        "x" + "[0]" * 80_000,
        "lambda:" * 30_000 + "1",
    ],
    ids=["minus", "not", "attribute", "plus", "index", "lambda"],
)
def test_a_source_that_is_nested_too_deeply_is_told(text: str) -> None:
    """Nesting crashes no grader, and a text that cannot be read hides what it holds."""
    (finding,) = read_sources({"work.py": text}, RULES)
    assert finding.hides
    assert finding.sentence == (
        "`deep nesting` could hide a forbidden call, and line 1 of `work.py` uses it: write it "
        "with less."
    )


def test_a_source_that_takes_python_s_parser_long_is_told() -> None:
    """One f-string of a quarter of a megabyte would keep the grader from grading."""
    text = f"import torch\ntorch.softmax\nf'{'{a}' * 80_000}'"
    (finding,) = read_sources({"work.py": text}, RULES)
    assert finding.hides
    assert finding.sentence.startswith("`thousands of braces` could hide a forbidden call")


def test_each_name_is_looked_up_once_however_many_modules_are_imported_as_a_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thousands of such imports before thousands of names keep nobody waiting."""
    looked_up: list[str] = []

    def count(path: str) -> object:
        looked_up.append(path)
        return resolve(path)

    monkeypatch.setattr(source, "resolve", count)
    names = "\n".join(f"n{i}" for i in range(1000))
    assert found(f"{names}\nsilu\n", "from torch.nn.functional import *\n" * 1000) == [
        (1001, "torch.nn.functional.silu", False)
    ]
    assert len(looked_up) < 10


@pytest.mark.parametrize("text", ["(" * 100_000, "def f(:", "a\0b", "'\\d' + F.", "\ud800"])
def test_a_source_that_is_no_python_has_nothing_to_find(text: str) -> None:
    """It cannot be loaded either, and that is told elsewhere."""
    assert read_sources({"work.py": text}, RULES) == ()


def test_findings_of_a_file_are_bounded() -> None:
    """A thousand offences are told as a few."""
    text = "import torch\n" + "torch.softmax(x, 0)\n" * 1000
    assert len(read_sources({"work.py": text}, RULES)) == 64
