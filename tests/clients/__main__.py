import asyncio, sys, tempfile
from pathlib import Path
from tests.clients.libraries import LIBRARIES
from tests.clients.stage import column, server_key

async def main():
    key = server_key()
    for lib in LIBRARIES:
        if sys.argv[1:] and lib.name not in sys.argv[1:]: continue
        if lib.missing(): print(lib.missing()); continue
        d = Path(tempfile.mkdtemp(prefix="clients-"))
        got = await column(lib, key, d, {})
        print(lib.name, lib.version(), d)
        for k, v in got.items(): print("  ", k, "->", v)
asyncio.run(main())
