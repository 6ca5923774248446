"""Fixtures: real servers of their own for a test, on ports of this machine that are free."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from server import Server


@pytest.fixture(scope="session")
def dev_server() -> Iterator[Server]:
    """One server without keys for all tests that only publish and follow."""
    with Server() as server:
        yield server


@pytest.fixture
def disk_server(tmp_path: Path) -> Iterator[Server]:
    """A server that keeps its events over `kill -9`."""
    with Server(data_dir=tmp_path / "data") as server:
        yield server


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEADFAST_KEY", raising=False)
