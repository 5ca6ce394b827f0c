"""WebSocket: talks.py serve | talks.py ask URL PROXY"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def serving():
    async with serve(echo, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def asking(url, proxy):
    async with connect(url, proxy=proxy) as socket:
        for message in ["hello", b"\x00\xff", "x" * 70000]:
            await socket.send(message)
            assert await socket.recv() == message
    print("3 heard")


act, *rest = sys.argv[1:]
asyncio.run(serving() if act == "serve" else asking(*rest))
