"""What a node of several is started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.problems import StartProblem
from cluster.ray_node import NodePlan, autoscaler_of, check_reachable, command_for, labels_of, listed, start_node, storage_of
from cluster.settings import Settings

NODES = """
["127.0.0.1"]
roles = "edge-chat"
zone = "a"
cells = 2
["203.0.113.9"]
roles = "gpu"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "nodes.toml"
    path.write_text(NODES)
    return path


def test_a_machine_finds_itself_in_the_file_of_all_nodes(file: Path) -> None:
    assert listed(file) == ("127.0.0.1", {"warbler-roles": "edge-chat", "warbler-zone": "a", "warbler-cells": "2"})


def test_a_machine_that_is_not_listed_or_twice_is_refused(file: Path) -> None:
    file.write_text('["203.0.113.9"]\nroles = "gpu"\n')
    with pytest.raises(StartProblem, match=r"lists 0 addresses of this machine \(none\)"):
        listed(file)
    file.write_text('["127.0.0.1"]\n["127.0.0.2"]\n')
    with pytest.raises(StartProblem, match=r"lists 2 addresses of this machine \(127\.0\.0\.1, 127\.0\.0\.2\)"):
        listed(file)


def test_words_that_a_node_does_not_have_are_refused(file: Path) -> None:
    file.write_text('["127.0.0.1"]\nrole = "edge"\n')
    with pytest.raises(StartProblem, match=r"127\.0\.0\.1: role: a node has roles, zone, cells, host"):
        listed(file)
    with pytest.raises(StartProblem, match="'queue' names no roles"):
        labels_of({"roles": "queue"}, "here")


def test_a_file_that_is_missing_or_no_toml_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartProblem, match="cannot be read"):
        listed(tmp_path / "nodes.toml")
    (tmp_path / "nodes.toml").write_text("[")
    with pytest.raises(StartProblem, match="is not valid TOML"):
        listed(tmp_path / "nodes.toml")


def test_a_head_listens_and_others_join_with_labels_and_the_resource_that_cells_take() -> None:
    head = command_for(Settings(), NodePlan("10.0.0.1", head=True, port=7000, labels={"b": "2", "a": "1"}))
    assert [*head[3:]][:6] == ["start", "--head", "--port", "7000", "--node-ip-address", "10.0.0.1"]
    assert head[head.index("--labels") + 1] == "a=1,b=2"
    assert head[head.index("--resources") + 1] == '{"warbler": 1000, "warbler_chat": 1}'
    assert head[head.index("--include-dashboard") + 1] == "false"
    other = command_for(Settings(), NodePlan(join="10.0.0.1:7000"))
    assert other[other.index("--address") + 1] == "10.0.0.1:7000"
    assert not {"--head", "--node-ip-address", "--labels", "--include-dashboard"} & set(other)


def test_only_nodes_for_rooms_count_as_room_for_chat_also_where_the_launcher_says_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = NodePlan(join="10.0.0.1:7000", labels={"warbler-roles": "edge"})
    assert '{"warbler": 1000}' in command_for(Settings(), plan)
    monkeypatch.setenv("RAY_OVERRIDE_LABELS", '{"warbler-roles": "none"}')
    assert '{"warbler": 1000}' in command_for(Settings(), NodePlan(head=True))


def test_a_node_without_the_secrets_of_all_nodes_is_not_started(tmp_path: Path) -> None:
    with pytest.raises(StartProblem, match="A node needs --secrets"):
        start_node(Settings(data=tmp_path), NodePlan(head=True))
    with pytest.raises(StartProblem, match=r"master\.key is missing"):
        start_node(Settings(data=tmp_path, secrets=tmp_path / "nowhere"), NodePlan(head=True))


def test_own_machines_have_the_autoscaler_that_counts_their_head(tmp_path: Path) -> None:
    file = tmp_path / "bootstrap.yaml"
    file.write_text('{"provider": {"type": "local"}}')
    assert autoscaler_of(file) == {"RAY_enable_autoscaler_v2": "0"}
    file.write_text('{"provider": {"type": "aws"}}')
    assert autoscaler_of(file) == autoscaler_of(None) == {}
    file.write_text("provider: aws")
    with pytest.raises(StartProblem, match="is not what `ray up` gives its head"):
        autoscaler_of(file)
    with pytest.raises(StartProblem, match="cannot be read"):
        autoscaler_of(tmp_path / "nowhere")


def test_a_head_writes_down_what_it_knows_where_only_this_user_can_read_it(tmp_path: Path) -> None:
    found = storage_of(Settings(data=tmp_path / "data"))
    assert found["RAY_gcs_storage"] == "rocksdb"
    folder = Path(found["RAY_gcs_storage_path"])
    assert folder.is_dir()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert storage_of(Settings(data=tmp_path / "data")) == found
    (tmp_path / "file").touch()
    with pytest.raises(StartProblem, match="cannot be made"):
        storage_of(Settings(data=tmp_path / "file"))


def test_a_head_that_does_not_answer_is_told_at_once() -> None:
    with pytest.raises(StartProblem, match=r"The head 127\.0\.0\.1:1 does not answer"):
        check_reachable("127.0.0.1:1")
