"""The real server as a child process. SERVER_BINARY says which binary."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Dict, List, Optional, Type, TypeVar

_Server = TypeVar("_Server", bound="Server")
BINARY = Path(__file__).parents[3] / "target/debug/steadfast"


class Server:
    """A node with the internal and the public port on this machine."""

    def __init__(self, *, config: Optional[Path] = None, data_dir: Optional[Path] = None) -> None:
        self._config = config
        self._data_dir = data_dir
        self._child: Optional[subprocess.Popen[str]] = None
        self.url = "http://127.0.0.1:0"
        self.internal = "http://127.0.0.1:0"
        self.start()

    def start(self) -> None:
        """Start it, on the ports that it had before, if any."""
        binary = os.environ.get("SERVER_BINARY", str(BINARY))
        command = [binary, "serve"]
        command += ["--listen", self.url.split("/")[2], "--internal", self.internal.split("/")[2]]
        command += ["--config", str(self._config)] if self._config else ["--dev"]
        command += ["--data-dir", str(self._data_dir)] if self._data_dir else []
        # It takes every STEADFAST_* variable for a setting of its own.
        env = {name: text for name, text in os.environ.items() if not name.startswith("STEADFAST_")}
        # Followers come back after a second, not after up to half of five.
        env["STEADFAST_CRASH_WINDOW_MS"] = "0"
        self._child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=env)
        urls = self._addresses(self._child)
        self.url, self.internal = urls["clients"], urls["backends"]

    @staticmethod
    def _addresses(child: subprocess.Popen[str]) -> Dict[str, str]:
        urls: Dict[str, str] = {}
        lines: List[str] = []
        assert child.stderr is not None
        for line in child.stderr:
            lines.append(line)
            # For people with --dev, as JSON without.
            urls.update(re.findall(r'"?(clients|backends)(?: +|":")(https?:[^\s"]+)', line))
            if len(urls) == 2:
                # A server whose log nobody reads would wait for somebody to.
                threading.Thread(target=_drain, args=(child.stderr,), daemon=True).start()
                return urls
        raise AssertionError("the server did not start:\n" + "".join(lines))

    def kill(self) -> None:
        """End it as a crash does."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def __enter__(self: _Server) -> _Server:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.kill()


def _drain(log: IO[str]) -> None:
    with log:
        for _ in log:
            pass


class KeyedServer(Server):
    """A node that wants a key of backends and tokens of clients."""

    def __init__(self, folder: Path, both_ports: str = "") -> None:
        self.token_key = secrets.token_urlsafe(32)
        self.backend_key = secrets.token_urlsafe(32)
        (folder / "token.key").write_text(self.token_key + "\n")
        (folder / "backend.key").write_text(self.backend_key + "\n")
        config = folder / "steadfast.toml"
        config.write_text(
            '[auth]\nhs256_key_file = "token.key"\nleeway_s = 0\n'
            f'[public]\nallowed_origins = ["*"]\n{both_ports}'
            f'[internal]\nkey_file = "backend.key"\n{both_ports}'
        )
        for file in folder.iterdir():
            file.chmod(0o600)
        super().__init__(config=config)
