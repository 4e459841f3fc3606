"""Reads the settings from file, environment and command line, and reports all mistakes in one list."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cluster.problems import StartProblem
from cluster.settings import Settings

PREFIX = "WARBLER_"
FILE_VARIABLE = "WARBLER_CONFIG"
"""The variable that names the settings file, where the command line does not."""
DEFAULT_FILE = Path("warbler.toml")
"""Read where it is there and no other file is named."""
NOT_SETTINGS = {FILE_VARIABLE, "WARBLER_PASSWORD", "WARBLER_PASSPHRASE"}
"""Variables with our prefix that commands read themselves."""


def read_settings(file: Path | None, environment: Mapping[str, str], given: Mapping[str, Any]) -> Settings:
    """The settings. `given` comes from the command line; None in it means: not given. Raises `StartProblem`, which names
    every mistake and where it was made."""
    mistakes: list[str] = []
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    _from_file(_file_name(file, environment), values, origin, mistakes)
    _from_environment(environment, values, origin, mistakes)
    for name, value in given.items():
        if value is not None:
            values[name] = value
            origin[name] = f"--{name.replace('_', '-')}"
    settings = _validated(values, origin, mistakes)
    if mistakes or settings is None:
        raise StartProblem("\n".join(["The settings are not valid:", *(f"  - {mistake}" for mistake in mistakes)]))
    return settings


def _validated(values: dict[str, Any], origin: Mapping[str, str], mistakes: list[str]) -> Settings | None:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        mistakes.extend(_sentence(found, origin) for found in error.errors())
        return None


def _file_name(file: Path | None, environment: Mapping[str, str]) -> Path | None:
    if file is not None:
        return file
    if environment.get(FILE_VARIABLE):
        return Path(environment[FILE_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _from_file(file: Path | None, values: dict[str, Any], origin: dict[str, str], mistakes: list[str]) -> None:
    if file is None:
        return
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        mistakes.append(f"{file} cannot be read: {error.strerror}")
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        mistakes.append(f"{file} is not valid TOML: {error}")
        return
    for name, value in found.items():
        if name in Settings.model_fields:
            values[name] = value
            origin[name] = f"{name} in {file}"
        else:
            mistakes.append(f"{name} in {file}: there is no such setting")


def _from_environment(environment: Mapping[str, str], values: dict[str, Any], origin: dict[str, str], mistakes: list[str]) -> None:
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in Settings.model_fields:
            values[name] = _listed(name, text)
            origin[name] = variable
        else:
            mistakes.append(f"{variable}: there is no such setting")


def _listed(name: str, text: str) -> Any:
    """A list is written with commas between its parts."""
    if isinstance(Settings.model_fields[name].default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _sentence(found: Any, origin: Mapping[str, str]) -> str:
    text = str(found["msg"]).removeprefix("Value error, ")
    if not found["loc"]:
        return text
    name = str(found["loc"][0])
    value = f" (got {found['input']!r})" if isinstance(found["input"], (str, int, float)) and name != "metrics_token" else ""
    return f"{origin.get(name, name)}: {text}{value}"
