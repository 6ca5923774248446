"""The package as it is installed: a wheel in an empty folder, with the examples of the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import List

import httpx
import pytest

import steadfast
from server import Server

ROOT = Path(__file__).parents[1]


def python(*arguments: object) -> None:
    subprocess.run([sys.executable, *map(str, arguments)], check=True, cwd=ROOT)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # The hook of the build backend, which `pip wheel` calls too, after more processes.
    python("-c", f"from hatchling.build import build_wheel; build_wheel({str(folder)!r})")
    (built,) = folder.glob("steadfast_realtime-*.whl")
    return built


def test_the_wheel_has_the_whole_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        licences = {name: archive.read(name) for name in names if "/licenses/" in name}
        metadata = archive.read(next(name for name in names if name.endswith("METADATA"))).decode()
    sources = {f"steadfast/{path.name}" for path in (ROOT / "src/steadfast").glob("*.py")}
    assert {name for name in names if ".dist-info/" not in name} == {*sources, "steadfast/py.typed"}
    assert f"Version: {steadfast.__version__}\n" in metadata
    assert "Requires-Python: >=3.9" in metadata
    assert "License-Expression: MIT OR Apache-2.0" in metadata
    theirs = {Path(name).name: text for name, text in licences.items()}
    root = ROOT.parents[1]
    assert theirs == {
        name: (root / name).read_bytes() for name in ("LICENSE-APACHE", "LICENSE-MIT")
    }


def test_the_examples_of_the_readme_run_with_the_installed_package(
    wheel: Path, tmp_path: Path, dev_server: Server
) -> None:
    installed, project = tmp_path / "installed", tmp_path / "project"
    project.mkdir()
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-compile"]
    python("-m", "pip", "install", *options, "--target", installed, wheel)
    others = Path(httpx.__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": f"{installed}{os.pathsep}{others}"}

    def run(code: str) -> List[str]:
        code = code.replace("http://127.0.0.1:8081", dev_server.internal)
        code = code.replace("http://127.0.0.1:8080", dev_server.url)
        script = project / "example.py"
        script.write_text(code)
        command = [sys.executable, str(script)]
        done = subprocess.run(
            command, cwd=project, env=env, timeout=30, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    publish, token, follow = re.findall(r"```python\n(.*?)```", readme(), re.DOTALL)
    told = f"TOKEN_KEY = 'k' * 32\n{token}\nimport steadfast\nprint(token, steadfast.__file__)"
    (line,) = run(f"{publish}\n{told}")
    made, where = line.split()
    assert made.count(".") == 2
    assert where.startswith(str(installed))
    assert run(follow) == ["1 progress {'percent': 40}", "2 complete {'score': 87}"]


def readme() -> str:
    return (ROOT / "README.md").read_text()
