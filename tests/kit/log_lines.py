"""What the processes of a server write into their logs, as it comes: `tail` follows the files and hands every line on by a pipe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

LINE_LIMIT_BYTES = 1 << 20


async def until(condition: Callable[[], bool], folder: Path) -> None:
    """Wait for something that other processes do: it is looked at after each line that one of them writes into a log of the folder."""
    if condition():
        return
    # The last line of each file comes at once, when all are followed: so nothing is missed that happens between look and follow.
    command = ["tail", "-q", "-n", "1", "-F", *_logs(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, limit=LINE_LIMIT_BYTES
    )
    try:
        assert process.stdout is not None
        async for _ in process.stdout:
            if condition():
                return
        raise RuntimeError(f"the logs in {folder} cannot be followed: tail ended with {await process.wait()}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _logs(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("*.log"))]
