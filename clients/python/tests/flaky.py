"""A proxy of single HTTP requests that fails as told. In: one word for each connection, in order;
behind them everything passes. Closes each connection after one answer."""

from __future__ import annotations

import socket
import struct
import threading
import time
from types import TracebackType
from typing import List, Optional, Type
from urllib.parse import urlsplit


class FlakyServer:
    """`cut_request` resets before the request is passed on, `cut_answer` behind that; `refuse`
    answers 503, `trickle` a byte at a time, `flood` without end."""

    def __init__(self, target: str, faults: List[str]) -> None:
        at = urlsplit(target)
        self._target = (str(at.hostname), int(at.port or 0))
        self._faults = list(faults)
        self.served = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            fault = self._faults.pop(0) if self._faults else "none"
            self.served += 1
            with client:
                try:
                    self._serve(client, fault)
                except OSError:
                    continue

    def _serve(self, client: socket.socket, fault: str) -> None:
        request = _read_request(client)
        if fault == "cut_request":
            _reset(client)
        elif fault == "refuse":
            client.sendall(b"HTTP/1.1 503 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        elif fault == "trickle":
            client.sendall(b"HTTP/1.1 201 x\r\ncontent-length: 99\r\n\r\n")
            for _ in range(99):
                client.sendall(b" ")
                time.sleep(0.05)
        elif fault == "flood":
            client.sendall(b"HTTP/1.1 201 x\r\ncontent-length: 99999999\r\n\r\n")
            while True:
                client.sendall(b" " * 65536)
        else:
            answer = self._pass(request)
            if fault == "cut_answer":
                _reset(client)
            else:
                client.sendall(answer)

    def _pass(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        head += b"\r\nconnection: close"
        with socket.create_connection(self._target) as upstream:
            upstream.sendall(head + b"\r\n\r\n" + body)
            answer = b""
            while piece := upstream.recv(65536):
                answer += piece
        return answer

    def __enter__(self) -> FlakyServer:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._listener.close()


def _read_request(client: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            while len(body) < int(value):
                piece = client.recv(65536)
                body += piece
                request += piece
    return request


def _reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
