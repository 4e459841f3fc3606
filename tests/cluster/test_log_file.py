"""Log files are bounded."""

from __future__ import annotations

from pathlib import Path

from cluster.log_file import LogFile


def test_a_full_file_becomes_number_one_and_the_oldest_goes(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "x.log", max_bytes=10, kept=2)
    for line in ("first...\n", "second..\n", "third...\n", "fourth..\n"):
        log.write(line)
    log.flush()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "x.log": "fourth..\n",
        "x.log.1": "third...\n",
        "x.log.2": "second..\n",
    }


def test_what_a_file_holds_already_counts(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_text("12345678\n")
    log = LogFile(tmp_path / "x.log", max_bytes=10)
    log.write("abc\n")
    log.flush()
    assert (tmp_path / "x.log.1").read_text() == "12345678\n"
