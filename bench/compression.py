"""What compression over WebSocket costs and saves: bytes, the server's processor time, memory.

    cargo build --release --package steadfast
    python3 bench/compression.py target/release/steadfast

Starts the server once for each row, opens plain sockets to it, with and without an offer of
permessage-deflate, and publishes events whose text is cut from PROTOCOL.md. The processor time is
that of the server's process, kernel included, divided by the deliveries; the memory is the growth of
its resident set, divided by the links. Needs nothing but Python.
"""

import json
import os
import random
import selectors
import socket
import subprocess
import sys
import time
import urllib.request

LINKS = 1000
EVENTS = 200
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
TEXT = open(os.path.join(os.path.dirname(__file__), "..", "PROTOCOL.md"), encoding="utf-8").read()
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, binary):
        self.public, self.internal = free_port(), free_port()
        env = os.environ | {"MALLOC_ARENA_MAX": "2"}
        addresses = ["--listen", f"127.0.0.1:{self.public}", "--internal", f"127.0.0.1:{self.internal}"]
        self.process = subprocess.Popen(
            [binary, "serve", "--dev", *addresses],
            env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.internal)).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024

    def publish(self, channel, data):
        body = json.dumps({"event": "chat", "data": data}).encode()
        url = f"http://127.0.0.1:{self.internal}/v1/channels/{channel}/events"
        urllib.request.urlopen(urllib.request.Request(url, body, method="POST")).read()

    def end(self):
        self.process.kill()
        self.process.wait()


def masked(text):
    data = text.encode()
    length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + data


def follow(server, at, offers):
    one = socket.create_connection(("127.0.0.1", server.public))
    one.sendall((
        f"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{server.public}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{OFFER if offers else ''}\r\n"
    ).encode())
    hello = {
        "type": "hello", "link": f"measured-{at:06}", "generation": 1,
        # Nobody is asked whether it is there while the measurement lasts.
        "heartbeat": {"interval": 500_000, "timeout": 60_000},
        "channels": [{"channel": "chat:1", "since": "now"}],
    }
    one.sendall(masked(json.dumps(hello)))
    heard = b""
    while b'"subscribed"' not in heard:
        heard += one.recv(65536)
    return one


def measure(binary, size, offers):
    server = Server(binary)
    try:
        for at in range(50):
            follow(server, 900_000 + at, offers).close()
        time.sleep(0.5)
        before = server.resident()
        links = [follow(server, at, offers) for at in range(LINKS)]
        memory = (server.resident() - before) / LINKS
        seed = random.Random(7)
        texts = []
        for _ in range(EVENTS):
            start = seed.randrange(len(TEXT) - size)
            texts.append(TEXT[start:start + size])
        selector = selectors.DefaultSelector()
        for one in links:
            one.setblocking(False)
            selector.register(one, selectors.EVENT_READ)
        began, wire = server.cpu(), 0
        for text in texts:
            server.publish("chat:1", {"text": text})
            # All have it before the next: nothing is joined.
            wire += drain_one(selector, len(links))
        spent = server.cpu() - began
        return memory, wire / (EVENTS * LINKS), spent / (EVENTS * LINKS) * 1e6
    finally:
        server.end()


def drain_one(selector, count):
    """Reads one frame of each socket; the bytes of all."""
    waiting, total = {}, 0
    while len(waiting) < count or any(waiting.values()):
        for key, _ in selector.select(5):
            data = key.fileobj.recv(1 << 20)
            total += len(data)
            left = waiting.get(key.fd)
            if left is None:
                length = data[1] & 127
                left = 2 + length
                if length == 126:
                    left = 4 + int.from_bytes(data[2:4], "big")
            waiting[key.fd] = left - len(data)
    return total


def main():
    binary = sys.argv[1]
    print(f"{LINKS} links, {EVENTS} events, one after the other")
    print("text bytes  compressed  wire bytes  CPU us a delivery  bytes an idle link")
    for size in (150, 1000, 10_000):
        for offers in (False, True, False, True):
            memory, wire, cpu = measure(binary, size, offers)
            print(f"{size:10}  {str(offers):10}  {wire:10.0f}  {cpu:17.2f}  {memory:18.0f}", flush=True)


main()
