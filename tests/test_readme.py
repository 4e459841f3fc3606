"""The front page: what it points to is there, and its program is the one that is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = sorted({link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link})


@pytest.mark.parametrize("link", LINKS)
def test_what_it_points_to_is_there(link: str) -> None:
    assert (ROOT / link).exists()


def test_its_program_is_that_of_the_page_about_the_echo_bot() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert program in (ROOT / "docs" / "echo-bot.md").read_text(encoding="utf-8")


def test_its_commands_are_targets_of_the_makefile() -> None:
    wanted = set(re.findall(r"(?:^    |`)make ([a-z]+)", README, re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"run", "test"} <= wanted <= targets


def test_its_picture_is_small() -> None:
    assert (ROOT / "docs" / "page.png").stat().st_size < 200_000
