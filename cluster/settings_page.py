"""Makes `docs/settings.md` from the settings: ``python -m cluster.settings_page > docs/settings.md``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic.fields import FieldInfo

from cluster.settings import Settings

HEAD = """# Settings

<!-- Made from cluster/settings.py by: python -m cluster.settings_page > docs/settings.md -->

Every setting has a default: `warbler up` needs none. A setting is taken from, each weighing more than the one before:

1. its default,
2. a TOML file: `warbler --config FILE ...`, or the file that `WARBLER_CONFIG` names, or `warbler.toml` in the current folder,
3. a variable of the environment: `WARBLER_` and the name in capitals, such as `WARBLER_PORT`; lists with commas,
4. the command line, for those that a command names (`warbler up --help`).

They are read once, at start. All mistakes are reported together.

| setting | default | values | meaning |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {' | '.join(_row(name, field))} |\n" for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    meaning = " ".join((field.description or "").split())
    return f"`{name}`", _default(field.default), _values(field), meaning.replace("|", "\\|")


def _default(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, tuple):
        return "none"
    if isinstance(value, str | Path):
        return f"`{value}`" if str(value) else "empty"
    return f"`{value}`"


def _values(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    kind = _kind(field.annotation)
    least = next((f"from {bound.ge}" for bound in field.metadata if isinstance(bound, Ge)), "")
    above = next((f"above {bound.gt}" for bound in field.metadata if isinstance(bound, Gt)), "")
    most = next((f"to {bound.le}" for bound in field.metadata if isinstance(bound, Le)), "")
    return " ".join(part for part in (kind, least or above, most) if part)


def _kind(annotation: Any) -> str:
    names: dict[Any, str] = {int: "number", float: "number", str: "text", bool: "`true` or `false`", Path: "path"}
    if annotation in names:
        return names[annotation]
    inner = [part for part in get_args(annotation) if part not in (type(None), ...)]
    return f"list of {_kind(inner[0])}s" if get_origin(annotation) is tuple else _kind(inner[0])


if __name__ == "__main__":
    sys.stdout.write(page())
