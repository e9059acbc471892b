"""A module of graded code as the grader sees it: a real `nn.Module` whose code runs elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from torch import nn

from dlcourse.sandbox.access import METHOD
from dlcourse.sandbox.registers import TABLES, registered
from dlcourse.sandbox.stand_in import GradedMethod, StandIn

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlcourse.sandbox.access import ModuleAccess
    from dlcourse.sandbox.registers import Table
    from dlcourse.sandbox.slot import Slot

_CHANGES_ALL: Final = (
    *("to", "type", "double", "float", "half", "bfloat16", "cpu", "cuda", "xpu", "ipu"),
    *("mtia", "to_empty", "share_memory", "compile", "_apply", "apply"),
)
_REGISTERS: Final = (
    *("add_module", "register_module", "register_buffer", "register_parameter", "set_submodule"),
)
_HOOKS: Final = (
    *("register_forward_pre_hook", "register_forward_hook", "register_backward_hook"),
    *("register_full_backward_pre_hook", "register_full_backward_hook"),
)


@dataclass
class MirrorState:
    """What a mirror knows of its module; `slots` holds a slot for each tensor it registers."""

    number: int
    kind: str
    slots: dict[tuple[Table, str], Slot] = field(default_factory=dict)
    training: bool = True
    container: str | None = None


def state_of(mirror: Mirror) -> MirrorState:
    """What a mirror knows of its module."""
    state: MirrorState = vars(mirror)["_state"]
    return state


def access_of_module(mirror: nn.Module) -> ModuleAccess:
    """The way to the module that a mirror stands for."""
    access: ModuleAccess = vars(mirror)["_access"]
    return access


def pass_access_on(mirror: Mirror) -> None:
    """Let everything inside a module be reached as a part of it, from the outside in."""
    for part in list(mirror.modules()):
        for name, child in part.named_children():
            vars(child)["_access"] = access_of_module(part).child(name, access_of_module(child))


class Mirror(StandIn, nn.Module):
    """Mirrors parameters, buffers, children and flags of a module; calls run in the worker.

    State dicts, optimizers, gradients, `train` and `eval`, and hooks on a module that is called
    from here work as ever. What does not reach the worker raises NotMirrored.
    """

    _access: ModuleAccess
    _state: MirrorState

    def __init__(self, access: ModuleAccess, state: MirrorState) -> None:
        super().__init__()
        self._access = access
        self._state = state

    @property
    def forward(self) -> GradedMethod:  # type: ignore[override] # torch's is a method too
        """The module's own call, as it runs in the worker."""
        return GradedMethod(self, "")

    def train(self, mode: bool = True) -> Mirror:  # noqa: FBT001, FBT002 - torch's signature
        """Call the module's own `train`, which may be more than torch's."""
        self._access.perform("train", mode)
        return self

    def eval(self) -> Mirror:
        """Call the module's own `eval`."""
        self._access.perform("eval")
        return self

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:  # noqa: FBT001, FBT002 - torch's signature
        """Copy a state into the mirror; the worker gets it with the next call."""
        if assign:
            raise self._access.refusal("`load_state_dict` with `assign=True`")
        return super().load_state_dict(state_dict, strict)

    def __getattr__(self, name: str) -> Any:
        """Return what is registered under a name, or an attribute of the module."""
        for table in TABLES:
            if name in registered(self, table):
                return self._access.member(name, registered(self, table)[name])
        if name.startswith("_"):
            raise AttributeError(name)
        members = self._members()
        if isinstance(members, dict) and name in {"items", "keys", "values"}:
            return getattr(members, name)
        value = self._access.attribute(name)
        return GradedMethod(self, name) if value is METHOD else value

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name == "training":
            super().__setattr__(name, value)
            return
        self._refuse_change(name, value)
        self._access.operate("setattr", name, value)

    def __delattr__(self, name: str) -> None:
        if name.startswith("_"):
            super().__delattr__(name)
            return
        self._refuse_change(name)
        self._access.operate("delattr", name)

    def _refuse_change(self, name: str, value: Any = None) -> None:
        """Refuse to replace or delete what is registered, and to register more."""
        here = any(name in registered(self, table) for table in TABLES)
        if isinstance(value, nn.Parameter | nn.Module) or self._access.owns(name, registered=here):
            raise self._access.refusal(
                f"replacing, adding or deleting a parameter, buffer or child (`{name}`)"
            )

    # Containers of torch are read from here: their items are mirrors, not answers.

    def _members(self) -> list[Any] | dict[str, Any] | None:
        """The items of a container of torch; None for any other module."""
        match self._access.container(self._state.container):
            case "Sequential" | "ModuleList":
                return list(registered(self, "modules").values())
            case "ModuleDict":
                return registered(self, "modules")
            case "ParameterList":
                return list(registered(self, "parameters").values())
            case "ParameterDict":
                return registered(self, "parameters")
        return None

    def __len__(self) -> int:
        members = self._members()
        return super().__len__() if members is None else len(members)

    def __bool__(self) -> bool:
        return self._members() is None or len(self) > 0

    def __iter__(self) -> Any:
        members = self._members()
        return super().__iter__() if members is None else iter(members)

    def __getitem__(self, key: Any) -> Any:
        members = self._members()
        if members is None or isinstance(key, slice):
            return super().__getitem__(key)
        return members[key]

    def __contains__(self, item: object) -> bool:
        members = self._members()
        return super().__contains__(item) if members is None else item in members

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._members() is not None:
            self._refuse_change(str(key), nn.Module())
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        if self._members() is not None:
            self._refuse_change(str(key), nn.Module())
        super().__delitem__(key)

    def _get_name(self) -> str:
        return self._state.kind


def _refused(name: str, what: str) -> Callable[..., Any]:
    def refuse(self: Mirror, *_: Any, **__: Any) -> Any:
        raise self._access.refusal(f"`{name}` {what}")

    return refuse


def _on_root_only(name: str) -> Callable[..., Any]:
    original = getattr(nn.Module, name)

    def register(self: Mirror, *arguments: Any, **options: Any) -> Any:
        if self._access.is_child:
            raise self._access.refusal(f"`{name}` on a module inside another one")
        return original(self, *arguments, **options)

    return register


for _name in _CHANGES_ALL:
    setattr(Mirror, _name, _refused(_name, "on a module"))
for _name in _REGISTERS:
    setattr(Mirror, _name, _refused(_name, "on a module"))
for _name in _HOOKS:
    setattr(Mirror, _name, _on_root_only(_name))
