"""What a compiled program costs on each device: bytes of memory, FLOPs, and communication."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from jax.stages import Compiled

COLLECTIVES = (
    "all-reduce", "all-gather", "reduce-scatter", "all-to-all", "ragged-all-to-all",
    "collective-permute", "collective-broadcast",
)  # fmt: skip

_COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
_CALLED = re.compile(r"(?:body|calls|to_apply|branch_computations)=\{?((?:%[\w.\-]+(?:, )?)+)")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_COLLECTIVE = re.compile(rf" = (.+?) ({'|'.join(COLLECTIVES)})(-start)?\(")
_SHAPE = re.compile(r"\b(pred|[a-z]+(\d+)\w*)\[([\d,]*)\]")


@dataclass(frozen=True)
class Collective:
    """Communications of one kind: how many a run, and the bytes of their results on a device."""

    kind: str
    count: int
    bytes: int


@dataclass(frozen=True)
class Cost:
    """What one run of a program takes on each device.

    Bytes of its arguments, of its results, of those results that lie in an argument's place, of what it
    keeps meanwhile, and of its code. `flops` are the compiler's count, 0 where it has none; the body of
    a loop counts once.
    """

    arguments: int
    outputs: int
    aliased: int
    temporaries: int
    code: int
    flops: float
    collectives: tuple[Collective, ...]

    @property
    def peak(self) -> int:
        """Bytes that a device must have for it."""
        return self.arguments + self.outputs - self.aliased + self.temporaries + self.code


def cost(compiled: Compiled) -> Cost:
    """The cost of a compiled program, of which nothing is run."""
    memory: Any = compiled.memory_analysis()
    counted: Any = compiled.cost_analysis() or {}
    return Cost(
        arguments=memory.argument_size_in_bytes,
        outputs=memory.output_size_in_bytes,
        aliased=memory.alias_size_in_bytes,
        temporaries=memory.temp_size_in_bytes,
        code=memory.generated_code_size_in_bytes,
        flops=float(counted.get("flops", 0.0)),
        collectives=collectives(compiled.as_text() or ""),
    )


def collectives(program: str) -> tuple[Collective, ...]:
    """The communications of a program in HLO text, by kind; those in a loop count as often as it runs,
    if the compiler knows how often.
    """
    lines: dict[str, list[str]] = {}
    entry = current = ""
    for line in program.splitlines():
        head = _COMPUTATION.match(line)
        if head:
            current = head[2]
            lines[current] = []
            entry = current if head[1] else entry
        elif current:
            lines[current].append(line)
    counts: dict[str, int] = defaultdict(int)
    sizes: dict[str, int] = defaultdict(int)

    def visit(name: str, times: int) -> None:
        for line in lines.get(name, ()):
            found = _COLLECTIVE.search(line)
            if found:
                counts[found[2]] += times
                sizes[found[2]] += times * _result_bytes(found[1], found[2], bool(found[3]))
            trips = _TRIPS.search(line) if " while(" in line else None
            for called in _CALLED.findall(line):
                for inner in called.split(", "):
                    visit(inner.strip().lstrip("%"), times * (int(trips[1]) if trips else 1))

    visit(entry, 1)
    return tuple(Collective(kind, counts[kind], sizes[kind]) for kind in sorted(counts))


def _result_bytes(shape: str, kind: str, begun: bool) -> int:
    """Bytes of a result's shape; that of a begun gather or permutation holds its operand first."""
    sizes = [
        math.prod(int(size) for size in sizes.split(",") if size) * (int(bits or 8) / 8)
        for _, bits, sizes in _SHAPE.findall(shape)
    ]
    if begun and kind in ("all-gather", "collective-permute") and len(sizes) > 1:
        sizes = sizes[1:2]
    return int(sum(sizes))
