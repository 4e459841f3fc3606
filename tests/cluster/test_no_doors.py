"""A cell without a listener: it runs, tells its figures, and imports nothing of HTTP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import asyncio, sys
from pathlib import Path
from cluster.app import CellApp
from cluster.data_folder import prepare
from cluster.figures import Identity
from cluster.settings import Settings

async def main():
    settings = Settings(data=Path(sys.argv[1]), port=0)
    prepare(settings)
    app = CellApp(settings, Identity("session:anna.1", "session:anna.1-a", ("session",)))
    await app.start()
    stats = app.stats()
    print(stats["port"], stats["connections"], stats["messages_in"], repr(stats["edge_url"]), await app.open_doors(7))
    await app.stop()
    await app.stop()
    print(sorted({"fastapi", "starlette", "uvicorn"} & set(sys.modules)))

asyncio.run(main())
"""


def test_it_runs_without_doors_and_without_their_libraries(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "0 0 0 '' 7\n[]\n"), done.stderr
