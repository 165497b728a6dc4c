# SPDX-License-Identifier: Apache-2.0
"""Takes connections on port 8000 and hands each to one of the app's replicas, on whichever node. The name tasks.app is
Swarm's: it has the address of every replica that runs at the moment."""
import asyncio
import random
import socket

PATIENCE = 2.0  # seconds for a replica to answer; one on a dead node never does, the next one is asked


async def replica():
    """A connection to a replica: all of them in random order until one answers."""
    found = await asyncio.get_running_loop().getaddrinfo('tasks.app', 5000, type=socket.SOCK_STREAM)
    for *_, address in random.sample(found, len(found)):
        try:
            return await asyncio.wait_for(asyncio.open_connection(*address[:2]), PATIENCE)
        except (OSError, asyncio.TimeoutError):
            pass
    raise OSError('no replica answers')


async def copy(source, target):
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # one side has gone; closing tells the other
    finally:
        target.close()


async def serve(reader, writer):
    try:
        app_reader, app_writer = await replica()
    except OSError as error:
        print(f'{error}', flush=True)
        writer.close()
        return
    await asyncio.gather(copy(reader, app_writer), copy(app_reader, writer))


async def main():
    async with await asyncio.start_server(serve, '0.0.0.0', 8000) as server:
        print('listening on port 8000', flush=True)
        await server.serve_forever()


asyncio.run(main())
