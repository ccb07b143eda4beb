"""The tree in the documentation is the tree on disk."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DESIGN = (ROOT / "docs/design.md").read_text(encoding="utf-8")


def tree() -> list[str]:
    block = DESIGN.split("## Tree")[1].split("```")[1]
    return [line.split()[0] for line in block.strip().splitlines()]


def test_everything_in_the_tree_is_there():
    assert len(tree()) > 15
    assert [name for name in tree() if not (ROOT / name).exists()] == []


def test_everything_in_spot_is_in_the_tree():
    parts = {
        f"spot/{path.name}" + ("/" if path.is_dir() else "")
        for path in (ROOT / "spot").iterdir()
        if path.name[0] not in "_." and (path.is_dir() or path.suffix == ".py")
    }
    assert parts - set(tree()) == set()
