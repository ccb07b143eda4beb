"""The mini suite: English classification tasks from this project's own generator."""

from __future__ import annotations
