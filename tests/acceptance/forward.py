"""Takes TCP connections on port 5432 of its network namespace to a socket in the file system, which has no namespace.

Usage: forward.py SOCKET   Prints a line when it listens.
"""

import asyncio
import socket
import sys

PORT = 5432


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _serve(path: str) -> None:
    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # As the server's own sockets: who is cut off is forgotten after some seconds.
        wire: socket.socket = writer.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 3)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 9000)
        to_server, from_client = await asyncio.open_unix_connection(path)
        await asyncio.gather(_pump(reader, from_client), _pump(to_server, writer))

    async with await asyncio.start_server(joined, "0.0.0.0", PORT) as server:  # noqa: S104  # of a namespace of its own
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
