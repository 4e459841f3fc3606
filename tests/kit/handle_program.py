"""A program of its own on the Ray of a data folder: evaluates what it reads, line by line, and prints the answers as JSON.

python tests/kit/handle_program.py DATA
"""

from __future__ import annotations

import json
import sys
from typing import Any

from cluster.joining import join

join(sys.argv[1])

import ray  # noqa: E402

from actors.errors import ChatError  # noqa: E402
from cluster.handles import get_actor, list_sessions  # noqa: E402


@ray.remote(num_cpus=0)
def count_entries(page: dict[str, Any]) -> int:
    """A task that takes a room's answer as its argument."""
    return len(page["entries"])


@ray.remote(num_cpus=0)
def post_from_a_task(room: Any, by: str, body: str) -> dict[str, int]:
    """A task that was handed a room."""
    stored: dict[str, int] = ray.get(room.post.remote(by, body))
    return stored


def main() -> None:
    """Until the end of the input."""
    names: dict[str, Any] = {"ray": ray, "get_actor": get_actor, "list_sessions": list_sessions}
    names |= {"count_entries": count_entries, "post_from_a_task": post_from_a_task}
    print(json.dumps({"value": "ready"}), flush=True)
    for line in sys.stdin:
        try:
            answer = {"value": eval(line, names)}
        except ChatError as error:
            answer = {"code": error.code, "retry": error.retry, "text": error.text}
        except ray.exceptions.RayError as error:
            answer = {"ray": type(error).__name__}
        except (TypeError, ValueError) as error:
            answer = {"mistake": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
