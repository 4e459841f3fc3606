"""The protocol page says what the code does: every frame, field, limit, error, close code, and its worked session."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from actors.closing import CLOSES
from actors.commands import AnyCommand
from actors.errors import CODES
from actors.events import AnyEvent, RoomInfo
from actors.runtime.plain import Plain
from gateway.client_talk import decode_event
from gateway.protocol import LEGAL, VERSIONS, State
from gateway.wire import decode
from gateway.wire_schema import json_schema
from tests.kit.frame_tables import rows

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
PAGE = (DOCS / "protocol.md").read_text(encoding="utf-8")
COMMANDS = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyCommand)}
EVENTS = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyEvent)}


def section(title: str) -> str:
    """The text below a heading."""
    found = re.search(rf"^(#+) {re.escape(title)}$(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found[2]


def cells(text: str) -> list[list[str]]:
    """The rows of the tables in a text, without heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not line.startswith(("| ---", "| field", "| code"))
    ]


def assert_table(title: str, kind: type[Plain]) -> None:
    found = [(row[0], row[1], row[2]) for row in cells(section(title))]
    assert found == [(f"`{name}`", text, default) for name, text, default in rows(kind)]


@pytest.mark.parametrize("tag", COMMANDS)
def test_every_client_frame_stands_there_with_its_fields_and_limits(tag: str) -> None:
    assert_table(f"Client: `{tag}`", COMMANDS[tag])


@pytest.mark.parametrize("tag", EVENTS)
def test_every_server_frame_stands_there_with_its_fields(tag: str) -> None:
    assert_table(f"Server: `{tag}`", EVENTS[tag])


def test_room_infos_stand_there() -> None:
    assert_table("Object: `RoomInfo`", RoomInfo)


def test_no_frame_stands_there_that_does_not_exist() -> None:
    assert re.findall(r"^### Client: `(.*)`$", PAGE, re.MULTILINE) == list(COMMANDS)
    assert re.findall(r"^### Server: `(.*)`$", PAGE, re.MULTILINE) == list(EVENTS)


@pytest.mark.parametrize("tag", COMMANDS)
def test_every_client_frame_stands_there_with_its_states(tag: str) -> None:
    allowed = re.search(r"^Allowed in: (.*?)\. Answer: ", section(f"Client: `{tag}`"), re.MULTILINE)
    assert allowed
    assert allowed[1] == ", ".join(state.name for state in State if COMMANDS[tag] in LEGAL[state])


def test_every_error_stands_there() -> None:
    wanted = [[f"`{code}`", row.text, "yes" if row.retry else "no", str(row.status)] for code, row in CODES.items()]
    assert cells(section("Errors")) == wanted


def test_every_close_code_stands_there() -> None:
    found = [row for row in cells(section("Close codes")) if row[0].isdigit()]
    assert found == [[str(code), text] for code, text in CLOSES.items()]


def test_the_version_stands_there() -> None:
    assert PAGE.startswith(f"# The wire protocol, version {max(VERSIONS)}\n")


def test_the_schema_beside_the_page_is_that_of_the_decoder() -> None:
    assert json.loads((DOCS / "protocol.schema.json").read_text(encoding="utf-8")) == json_schema()


def session_lines() -> list[tuple[str, dict[str, Any]]]:
    lines = [line for block in re.findall(r"```json\n(.*?)```", section("A session"), re.DOTALL) for line in block.splitlines()]
    return [(line[0], json.loads(line[2:])) for line in lines]


def test_every_frame_of_the_worked_session_is_a_right_one() -> None:
    lines = session_lines()
    assert len(lines) > 15
    for side, frame in lines:
        text = json.dumps(frame).encode()
        if side == ">":
            assert decode(text)
        else:
            kind = EVENTS[frame["t"]]
            assert set(frame) - {"t"} <= set(kind.__struct_fields__)
            assert type(decode_event(text)) is kind


def test_links_within_the_page_lead_somewhere() -> None:
    titles = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\(#([\w-]+)\)", PAGE)) <= anchors
