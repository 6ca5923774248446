"""Clients in Python against the echo example: every form of offer, sizes, fragments, both kinds.

    pip install websockets==17.4 aiohttp==3.14.5
    cargo run --release --package steadfast-websocket --example echo -- --listen 127.0.0.1:9001
    python3 conformance/websocket/clients.py ws://127.0.0.1:9001

Prints what each offer was answered with; fails where a message comes back other than it was sent.
"""

import asyncio
import os
import sys

import aiohttp
import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

SIZES = [0, 1, 16, 64, 125, 126, 300, 1024, 4096, 16384, 65535, 65536, 131072, 900_000]
OFFERS = [
    {},
    {"client_max_window_bits": True},
    {"server_no_context_takeover": True},
    {"client_no_context_takeover": True},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 15},
    {"server_max_window_bits": 9},
    {"client_max_window_bits": 9},
]


def messages():
    for size in SIZES:
        yield ("many words in a row " * (size // 20 + 1))[:size]
        yield os.urandom(size)


async def run_websockets(url):
    for offer in OFFERS:
        factory = ClientPerMessageDeflateFactory(**offer)
        async with websockets.connect(url, compression=None, extensions=[factory]) as socket:
            for message in messages():
                await socket.send(message)
                assert await socket.recv() == message, (offer, len(message))
                # In fragments of a third each.
                third = max(len(message) // 3, 1)
                parts = [message[at : at + third] for at in range(0, len(message), third)]
                if parts:
                    await socket.send(parts)
                    assert await socket.recv() == message, (offer, len(message))
            await socket.ping()
            answer = socket.response.headers.get("Sec-WebSocket-Extensions")
        print(f"websockets {websockets.__version__}, {offer or 'alone'}: {answer}")


async def run_aiohttp(url):
    async with aiohttp.ClientSession() as session:
        for bits in (0, 15, 9):
            async with session.ws_connect(url, compress=bits, max_msg_size=0) as socket:
                for message in messages():
                    if isinstance(message, str):
                        await socket.send_str(message)
                    else:
                        await socket.send_bytes(message)
                    answer = await socket.receive()
                    assert answer.data == message, (bits, len(message), answer.type)
                agreed = socket.compress
            print(f"aiohttp {aiohttp.__version__}, compress={bits}: agreed {agreed}")


async def main():
    await run_websockets(sys.argv[1])
    await run_aiohttp(sys.argv[1])


asyncio.run(main())
