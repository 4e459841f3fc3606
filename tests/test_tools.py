"""The repository's own machinery: lock files and the scripts that use them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-node.lock")


def load(name: str) -> ModuleType:
    """A script of `tools`, which is no package."""
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_version_and_hashes_and_no_registry_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    blocks = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
    assert blocks
    assert [block.splitlines()[0] for block in blocks if not re.match(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ]+", block)] == []
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert "://" not in text
    assert "index-url" not in text


def test_what_the_server_needs_is_the_same_in_both_locks() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==[^ ;]+", (ROOT / name).read_text(), re.MULTILINE))

    assert versions("requirements.lock") <= versions("requirements-dev.lock")


def test_the_environment_is_begun_with_uv_and_its_hashes_alone() -> None:
    lines = load("environment").uv_requirement().rstrip().splitlines()
    assert lines[0].startswith("uv==")
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])
    assert len(lines) > 5


def test_an_environment_that_is_there_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = load("environment")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environment, "LINK", tmp_path / ".venv")
    target = environment.cache_folder() / f"venv-{environment.lock_hash(sys.executable)}"
    target.mkdir(parents=True)
    environment.whole_file(target).write_text("whole\n")
    monkeypatch.setattr(environment, "build", lambda python, target: pytest.fail("it is there already"))
    monkeypatch.setattr(environment, "suitable_python", lambda: sys.executable)
    assert environment.main() == 0
    assert (tmp_path / ".venv").resolve() == target.resolve()


def test_a_python_that_is_too_old_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    environment = load("environment")
    monkeypatch.setattr(environment, "OLDEST", (4, 0))
    monkeypatch.setattr(environment, "NEWEST", (4, 1))
    assert environment.main() == 1
    assert re.match(r"environment: This is Python 3\.\d+; Warbler needs .*\n\Z", capsys.readouterr().err)


def test_the_scripts_run_without_anything_installed() -> None:
    for name in ("environment", "web", "lock"):
        done = subprocess.run([sys.executable, "-I", "-S", "-c", f"import runpy; runpy.run_path('tools/{name}.py')"], cwd=ROOT, check=False)
        assert done.returncode == 0


def test_the_web_client_is_built_again_only_when_its_sources_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web = load("web")
    (tmp_path / "src").mkdir()
    (tmp_path / "dist").mkdir()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "src" / "main.ts").write_text("one")
    monkeypatch.setattr(web, "WEB", tmp_path)
    before = web.sources_hash()
    (tmp_path / "node_modules" / "x").write_text("not ours")
    (tmp_path / "dist" / "index.html").write_text("made")
    assert web.sources_hash() == before
    (tmp_path / "src" / "main.ts").write_text("two")
    assert web.sources_hash() != before
