"""What the protocol page has to say of a frame's fields, read from the definitions."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from actors.commands import Body
from actors.runtime.plain import Constraint, Plain


def rows(kind: type[Plain]) -> list[tuple[str, str, str]]:
    """(field, type and limits, default) of each field, as the page writes them; the default of a required one is ``-``."""
    hints = get_type_hints(kind, include_extras=True)
    required = len(kind.__struct_fields__) - len(kind.__struct_defaults__)
    out = []
    for place, name in enumerate(kind.__struct_fields__):
        default = "-" if place < required else _default(kind.__struct_defaults__[place - required])
        out.append((name, type_text(hints[name]), default))
    return out


def type_text(hint: Any) -> str:
    """A type with its limits, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint == Body:
        return "string, 1 to 16384 bytes of UTF-8"
    if origin is Annotated:
        return _limited(type_text(arguments[0]), arguments[1])
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return "list of " + type_text(arguments[0])
    if origin is dict:
        return "object: string to " + type_text(arguments[1])
    if arguments:
        return " or ".join(type_text(argument) for argument in arguments)
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", Any: "any"}
    return names.get(hint) or f"`{hint.__name__}`"


def _limited(base: str, limits: Constraint) -> str:
    if limits.pattern is not None:
        return f"{base} like `{limits.pattern}`"
    if base == "integer":
        return f"{base}, {limits.ge} to {limits.le}"
    if base.startswith("list"):
        return f"{base}, at most {limits.max_length}"
    return f"{base}, {limits.min_length or 0} to {limits.max_length} characters"


def _default(value: Any) -> str:
    if value.__class__.__name__ == "Factory" or value is msgspec.NODEFAULT:
        value = value.factory()
    return f"`{json.dumps(value)}`"
