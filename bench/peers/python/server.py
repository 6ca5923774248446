"""A server as users of websockets write it: a set of connections for each channel, and its own
broadcast, without compression. In: two ports. Out: what is published, to each connection."""

import asyncio
import sys
from collections import defaultdict

from websockets.asyncio.server import broadcast, serve

BACKLOG = 4096
channels = defaultdict(set)


async def follow(connection):
    members = channels[connection.request.path.removeprefix("/sub/")]
    members.add(connection)
    try:
        async for _ in connection:
            pass
    finally:
        members.discard(connection)


async def take_lines(reader, writer):
    while line := await reader.readline():
        channel, _, data = line.decode().rstrip("\n").partition(" ")
        broadcast(channels.get(channel, ()), data)
    writer.close()


async def main():
    links, publish = map(int, sys.argv[1:3])
    publishers = await asyncio.start_server(take_lines, "127.0.0.1", publish)
    async with serve(follow, "127.0.0.1", links, compression=None, backlog=BACKLOG):
        await publishers.serve_forever()


asyncio.run(main())
