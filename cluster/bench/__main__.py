"""``python -m cluster.bench``: the command without the rest of the command line."""

from __future__ import annotations

from cluster.bench.cli import bench

if __name__ == "__main__":
    bench()
