"""Commits of small files, hundreds of times: a kill loses nothing that waits for the disk."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a power failure alone; a test of a failing fsync puts its own in place."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
