"""Public names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def attach(
    namespace: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package.

    namespace: the package's `globals()`. homes: "module:name" or "module" (the same name there) by
    public name. The package's stub file lists the same names for type checkers.
    """
    package, names = namespace["__name__"], sorted(homes)

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, inner = homes[name].partition(":")
        value = getattr(importlib.import_module(module), inner or name)
        namespace[name] = value  # the next look-up finds it at once
        return value

    return get, lambda: sorted({*namespace, *names}), names
