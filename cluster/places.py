"""Where this installation's own files lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds the packages."""
WEB_DIST = ROOT / "gateway" / "web" / "dist"
"""The built web client."""
