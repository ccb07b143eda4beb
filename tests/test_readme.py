"""README's tree is the tree on disk, and every command that it shows exists."""

from __future__ import annotations

import re
from pathlib import Path

from spot.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tree() -> list[str]:
    block = README.split("## Tree")[1].split("```")[1]
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


def test_the_commands_that_it_shows_exist():
    shown = set(re.findall(r"^spot ([a-z-]+)", README, re.MULTILINE))
    assert len(shown) >= 4
    assert shown <= set(COMMANDS)
