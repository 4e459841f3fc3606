"""What a machine lacks for a Cassandra is told in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.dev import software
from cluster.dev.software import cache_folder, find_java, jars
from cluster.problems import StartProblem


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no program on its path, and an empty cache; the folder is its path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(software, "_HOMES", ())
    return tmp_path


def program(path: Path, text: str) -> Path:
    """A program that is a shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_without_java_the_sentence_says_how_to_get_it(bare: Path) -> None:
    with pytest.raises(StartProblem, match=r"needs Java 17\. Install it, for example: apt-get install openjdk-17"):
        find_java()


def test_a_java_that_is_too_new_is_named(bare: Path) -> None:
    program(bare / "java", "echo 'openjdk version \"25.0.1\" 2026-01-01' >&2")
    with pytest.raises(StartProblem, match=r"needs Java 17; here is Java 25\."):
        find_java()


def test_the_right_java_beside_a_newer_one_is_found(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / "java", "echo 'openjdk version \"25.0.1\" 2026-01-01' >&2")
    (bare / "jvm-17" / "bin").mkdir(parents=True)
    older = program(bare / "jvm-17" / "bin" / "java", "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2")
    monkeypatch.setattr(software, "_HOMES", (f"{bare}/*-17",))
    assert find_java() == older


def test_without_maven_the_sentence_says_how_to_get_it(bare: Path) -> None:
    with pytest.raises(StartProblem, match=r"Maven is needed .* apt-get install maven"):
        jars(bare / "java")


def test_what_maven_says_is_told_and_nothing_half_stays(bare: Path) -> None:
    program(bare / "mvn", "echo '[ERROR] no such host'; exit 1")
    with pytest.raises(StartProblem, match="could not bring Cassandra: no such host"):
        jars(bare / "java")
    assert [path.name for path in cache_folder().iterdir()] == ["lib.lock"]


def test_what_was_brought_once_is_found_again(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{bare}:/bin:/usr/bin")
    program(bare / "mvn", 'for last; do :; done; folder="${last#-DoutputDirectory=}"; mkdir "$folder"; touch "$folder/one.jar"')
    found = jars(bare / "java")
    (bare / "mvn").unlink()
    assert [path.name for path in found] == ["one.jar"]
    monkeypatch.setenv("PATH", "")
    assert jars(bare / "java") == found
