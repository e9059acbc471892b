"""An assembler for the classic BPF programs that seccomp runs.

Every block ends in a `give` on each of its paths, so blocks can be joined in any order, and no
jump is longer than one block: the eight bits that classic BPF has for a jump are enough.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_INSTRUCTION = struct.Struct("=HBBI")
SIZE = _INSTRUCTION.size

_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_ABOVE = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K


class Instruction(NamedTuple):
    """One `struct sock_filter`: the operation, how far to jump if true and if false, a word."""

    code: int
    if_true: int
    if_false: int
    word: int


def load(offset: int) -> Instruction:
    """Put the 32-bit word at `offset` of `struct seccomp_data` into the accumulator."""
    return Instruction(_LOAD_WORD, 0, 0, offset)


def mask(bits: int) -> Instruction:
    """Keep only `bits` of the accumulator."""
    return Instruction(_AND, 0, 0, bits)


def skip_if_equal(word: int, count: int) -> Instruction:
    """Skip `count` instructions if the accumulator is `word`."""
    return Instruction(_JUMP_EQUAL, count, 0, word)


def skip_unless_equal(word: int, count: int) -> Instruction:
    """Skip `count` instructions if the accumulator is not `word`."""
    return Instruction(_JUMP_EQUAL, 0, count, word)


def skip_unless_above(word: int, count: int) -> Instruction:
    """Skip `count` instructions if the accumulator is at most `word`, both unsigned."""
    return Instruction(_JUMP_ABOVE, 0, count, word)


def give(action: int) -> Instruction:
    """End the program with a seccomp action."""
    return Instruction(_RETURN, 0, 0, action)


def assemble(program: list[Instruction]) -> bytes:
    """Pack a program as the kernel reads it, `SIZE` bytes for each instruction."""
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)
