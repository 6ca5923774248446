"""Every block of Python in the manual, run as it stands against the real server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List

import pytest

from server import Server

DOCS = Path(__file__).parents[3] / "docs"


def blocks(page: str) -> List[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_every_block_of_the_manual_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with Server() as server:
        for block in blocks("python.md"):
            code = block.replace("http://127.0.0.1:8081", server.internal)
            code = code.replace("http://127.0.0.1:8080", server.url)
            exec(compile(code, block[:60], "exec"), {"__name__": "manual"})
    said = capsys.readouterr().out
    assert "2 progress {'percent': 50}\n3 complete {'score': 87}" in said
    assert "2500 events in three requests, the last at 2500" in said
    assert "stopped" in said
    assert (tmp_path / "positions.json").read_text().count(":100") == 1
