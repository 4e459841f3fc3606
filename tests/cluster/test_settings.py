"""Settings: where they come from, and that all mistakes are told at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cluster.problems import StartProblem
from cluster.settings import Settings
from cluster.settings_page import page
from cluster.settings_reading import read_settings


def test_every_setting_has_a_default_and_a_meaning() -> None:
    assert Settings().port == 8440
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("given", "edges"),
    [
        ({}, ("ws://127.0.0.1:8440/ws",)),
        ({"host": "::1", "cert": "c.pem", "key": "k.pem"}, ("wss://[::1]:8440/ws",)),
        ({"host": "0.0.0.0"}, ()),
        ({"trusted_proxies": ("10.0.0.0/8",)}, ()),
        ({"host": "0.0.0.0", "trusted_proxies": ("10.0.0.0/8",), "public_url": "https://chat.example/"}, ("wss://chat.example/ws",)),
        ({"public_url": "http://chat.example:81"}, ("ws://chat.example:81/ws",)),
    ],
)
def test_clients_are_told_where_to_connect_only_where_that_is_known(given: dict[str, Any], edges: tuple[str, ...]) -> None:
    assert Settings(**given).edge_urls(8440) == edges


@pytest.mark.parametrize("text", ["chat.example", "ws://chat.example", "https://chat.example/chat"])
def test_a_public_url_is_a_scheme_and_a_host(text: str) -> None:
    with pytest.raises(ValidationError, match=r"write it like https://chat\.example"):
        Settings(public_url=text)


def test_command_line_weighs_more_than_environment_and_that_more_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "warbler.toml"
    file.write_text('port = 1001\ncells = 2\nhost = "::1"\n')
    settings = read_settings(file, {"WARBLER_PORT": "1002", "WARBLER_CELLS": "3"}, {"port": 1003, "host": None})
    assert (settings.port, settings.cells, settings.host) == (1003, 3, "::1")


def test_lists_in_the_environment_are_written_with_commas() -> None:
    settings = read_settings(None, {"WARBLER_TRUSTED_PROXIES": "10.0.0.0/8, 192.168.1.0/24"}, {})
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.168.1.0/24")


def test_all_mistakes_are_told_together_each_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "warbler.toml"
    file.write_text('prot = 1\ncells = "many"\n')
    with pytest.raises(StartProblem) as caught:
        read_settings(file, {"WARBLER_PORT": "99999", "WARBLER_COLOUR": "red"}, {"shards": 0})
    text = str(caught.value)
    for part in (f"prot in {file}", f"cells in {file}", "WARBLER_PORT", "WARBLER_COLOUR", "--shards"):
        assert part in text
    assert len(text.splitlines()) == 6


def test_a_file_that_is_no_toml_or_not_there_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("port = = 1")
    with pytest.raises(StartProblem, match=r"broken\.toml is not valid TOML"):
        read_settings(broken, {}, {})
    with pytest.raises(StartProblem, match=r"absent\.toml cannot be read"):
        read_settings(tmp_path / "absent.toml", {}, {})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"cert": "a.pem"}, "go together"),
        ({"cells": 9, "shards": 8}, "at least as many shards"),
        ({"origins": ["chat.example"]}, "no origin"),
        ({"trusted_proxies": ["10.0.0.0/99"]}, "--trusted-proxies: "),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(StartProblem, match=re.escape(sentence)):
        read_settings(None, {}, values)


def test_paths_mean_the_same_in_processes_that_run_in_other_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings(None, {"WARBLER_KEY_FILE": "keys/master"}, {"cert": Path("c.pem"), "key": Path("~/k.pem")})
    assert settings.data == tmp_path / "data"
    assert settings.key_file == tmp_path / "keys" / "master"
    assert (settings.cert, settings.key) == (tmp_path / "c.pem", Path.home() / "k.pem")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_the_url_is_one_that_a_browser_here_can_open() -> None:
    assert Settings(host="0.0.0.0").url(80) == "http://127.0.0.1:80/"
    assert Settings(host="::1", cert=Path("c"), key=Path("k")).url(443) == "https://[::1]:443/"


def test_the_settings_page_is_current() -> None:
    assert (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("text", ["10.0.0.1", "10.0.0.1:", ":6379", "10.0.0.1:70000", "10.0.0.1:ray"])
def test_an_address_of_a_cluster_is_a_host_and_a_port(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Settings(address=text, secrets=Path("s"))


def test_a_cluster_is_joined_with_the_secrets_of_all_nodes_alone() -> None:
    with pytest.raises(ValueError, match="`address` needs `secrets`"):
        Settings(address="10.0.0.1:6379")
    with pytest.raises(ValueError, match="leave `key_file` out"):
        Settings(secrets=Path("s"), key_file=Path("k"))
    assert Settings(secrets=Path("s")).master_key_file == Path.cwd() / "s" / "master.key"
    assert Settings(key_file=Path("k")).master_key_file == Path.cwd() / "k"
    assert Settings().master_key_file is None


def test_growing_and_shrinking_do_not_chase_each_other() -> None:
    with pytest.raises(ValueError, match="`shrink_below` has to be lower than `grow_above`"):
        Settings(grow_above=0.3)
    with pytest.raises(ValueError, match="`least_nodes` is more than `most_nodes`"):
        Settings(least_nodes=3, most_nodes=2)
    assert Settings(least_nodes=3).most_nodes == 0


def test_a_node_with_a_public_name_is_an_edge_of_its_own() -> None:
    settings = Settings(public_url="https://chat.example", host="0.0.0.0")
    assert settings.on_node("").edge_urls(8440) == ("wss://chat.example/ws",)
    assert settings.on_node("one.example").edge_urls(8440) == ("ws://one.example:8440/ws",)
    assert settings.model_copy(update={"port": 0}).on_node("one.example").edge_urls(8440) == ("wss://chat.example/ws",)


def test_cells_of_a_node_are_named_by_their_ports_where_these_are_fixed() -> None:
    free = Settings(host="0.0.0.0").on_node("one.example")
    assert free.edge_url_of("cell-ab12c-2", 8440, 41000) == "ws://one.example:8440/ws"
    fixed = Settings(host="0.0.0.0", edge_port=8441).on_node("one.example")
    port = fixed.own_port("cell-ab12c-2")
    assert port == 8442
    assert fixed.edge_url_of("cell-ab12c-2", 8440, port) == "ws://one.example:8442/ws"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, "ws://127.0.0.1:9001/ws"),
        ({"host": "192.0.2.7"}, "ws://192.0.2.7:9001/ws"),
        ({"host": "0.0.0.0"}, ""),
        ({"trusted_proxies": ("10.0.0.0/8",)}, ""),
        ({"public_url": "https://chat.example"}, "wss://chat.example/ws"),
        ({"public_url": "https://chat.example", "edge_url": "https://{cell}.chat.example"}, "wss://cell-2.chat.example/ws"),
        ({"host": "0.0.0.0", "edge_url": "http://chat.example:{port}/"}, "ws://chat.example:9001/ws"),
    ],
)
def test_one_cell_is_named_only_where_clients_can_reach_it(given: dict[str, Any], url: str) -> None:
    assert Settings(**given).edge_url_of("cell-2", 8440, 9001) == url


def test_without_a_port_of_its_own_a_cell_is_found_where_all_are() -> None:
    assert Settings().edge_url_of("cell-2", 8440, 0) == "ws://127.0.0.1:8440/ws"


@pytest.mark.parametrize(("edge_port", "own"), [(0, 0), (-1, None), (9000, 9001), (65535, 0)])
def test_each_cell_has_a_port_of_its_own(edge_port: int, own: int | None) -> None:
    assert Settings(edge_port=edge_port).own_port("cell-2") == own


@pytest.mark.parametrize("text", ["{node}", "{", "chat.example/{cell}"])
def test_the_url_of_a_cell_is_one_that_can_be_filled_in(text: str) -> None:
    with pytest.raises(ValueError, match="edge_url"):
        Settings(edge_url=text)
