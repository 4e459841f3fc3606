"""The frames a client may send, as pydantic models: for the protocol page's JSON schema and for texts to people.

The models are made from the definitions in `actors.commands`, never written by hand, so that they cannot differ from
what `gateway.wire.decode` accepts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from actors.commands import MAX_BODY_BYTES, AnyCommand, Body, Command, Topic
from actors.runtime.plain import Constraint

_STRICT = ConfigDict(strict=True, extra="forbid", regex_engine="python-re", allow_inf_nan=False)
_MAX_REASON = 200
_TOO_LONG = f"more than {MAX_BODY_BYTES} bytes"


def _no_null(text: str) -> str:
    if "\0" in text:
        raise ValueError("U+0000 is not allowed")
    return text


def _one_line(text: str) -> str:
    if "\0" in text or "\n" in text:
        raise ValueError("U+0000 and line ends are not allowed here")
    return text


def _short_in_bytes(text: str) -> str:
    if len(text.encode()) > MAX_BODY_BYTES:
        raise ValueError(_TOO_LONG)
    return text


def _pydantic_type(hint: Any) -> Any:
    """The same type for pydantic: constraints become `Field`s, texts get the checks of `wire.check`."""
    if hint is str:
        return Annotated[str, AfterValidator(_one_line)]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _constrained(hint, arguments[0], arguments[1])
    if origin is Literal or not arguments:
        return hint
    inner: Any = tuple(_pydantic_type(argument) for argument in arguments)
    return list[inner[0]] if origin is list else Union[inner]  # noqa: UP007


def _constrained(hint: Any, base: Any, limits: Constraint) -> Any:
    names = ("ge", "le", "min_length", "max_length", "pattern")
    field = Field(**{name: value for name in names if (value := getattr(limits, name)) is not None})
    if hint == Body:
        return Annotated[str, field, AfterValidator(_no_null), AfterValidator(_short_in_bytes)]
    if hint == Topic:
        return Annotated[str, field, AfterValidator(_no_null)]
    if base is str:
        return Annotated[str, field, AfterValidator(_one_line)]
    return Annotated[_pydantic_type(base), field]


def _model_of(command: type[Command]) -> type[BaseModel]:
    hints = get_type_hints(command, include_extras=True)
    required = len(command.__struct_fields__) - len(command.__struct_defaults__)
    fields: dict[str, Any] = {"t": (Literal[command.__struct_config__.tag], ...)}
    for place, name in enumerate(command.__struct_fields__):
        default = ... if place < required else command.__struct_defaults__[place - required]
        fields[name] = (_pydantic_type(hints[name]), Field(default_factory=list) if name == "members" else default)
    return create_model(command.__name__, __config__=_STRICT, __doc__=command.__doc__, **fields)


MODELS: dict[str, type[BaseModel]] = {str(kind.__struct_config__.tag): _model_of(kind) for kind in get_args(AnyCommand)}
"""Tag -> model of the frame."""

_any_frame: Any = Annotated[Union[tuple(MODELS.values())], Field(discriminator="t")]  # noqa: UP007
_adapter: TypeAdapter[Any] = TypeAdapter(_any_frame)


def json_schema() -> dict[str, Any]:
    """The JSON schema of all client frames."""
    return _adapter.json_schema()


class Reason(NamedTuple):
    """Why a frame is refused."""

    text: str
    """For people: where in the frame, and what is wrong there."""
    too_large: bool
    """A body above its limit, and nothing else before it."""


def explain(text: bytes) -> Reason | None:
    """Where and why a frame is refused; None where these models would have taken it."""
    try:
        _adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        # the first step of the path is the tag of the frame
        path = ".".join(str(step) for step in first["loc"][1:])
        message = first["msg"].removeprefix("Value error, ")
        reason = f"{path}: {message}" if path else message
        too_large = path == "body" and (first["type"] == "string_too_long" or message == _TOO_LONG)
        return Reason(reason[:_MAX_REASON].encode("ascii", "backslashreplace").decode(), too_large)
    return None
