"""The doctor's last line says what to make of the rest."""

from __future__ import annotations

from cluster.checks import Finding
from cluster.commands.doctor import summary


def test_the_last_line_counts_what_is_wrong_before_what_could_be_better() -> None:
    well, so_so, bad = Finding("a", "ok", ""), Finding("b", "warning", "", "m"), Finding("c", "wrong", "", "m")
    assert "All is well" in summary([well, well])
    assert "Nothing stops the server. 1 of 2 could be better" in summary([well, so_so])
    assert "1 of 3 would stop the server" in summary([well, so_so, bad])
