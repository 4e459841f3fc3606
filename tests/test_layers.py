"""The shape of the code, held over the syntax trees: import directions, where foreign libraries may appear, sizes."""

from __future__ import annotations

import ast
import fnmatch
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {
    "actors": {"actors"},
    "gateway": {"gateway", "actors"},
    "ml": {"ml", "actors"},
    "cluster": {"cluster", "gateway", "ml", "actors"},
}
"""Layer -> the layers that it may import."""

CONFINED = {
    "ray": [
        "cluster/ray_host.py",
        "cluster/ray_cell.py",
        "cluster/ray_hands.py",
        "cluster/ray_nodes.py",
        "cluster/ray_supervisor.py",
        "cluster/ray_switch.py",
        "cluster/handles.py",
        "cluster/direct_calls.py",
        "cluster/bench/handles.py",
        "ml/train*.py",
    ],
    "aioquic": ["gateway/quic*.py"],
    "cassandra": ["actors/store/cassandra/driver.py"],
    "torch": ["ml/model*.py", "ml/train*.py"],
    "sqlite3": ["actors/store/*.py"],
    "argon2": ["gateway/auth/passwords.py"],
    "cryptography": ["actors/store/seal.py", "gateway/certificate.py"],
    "fastapi": ["gateway/api/*.py"],
    "starlette": ["gateway/api/*.py"],
    "uvicorn": ["gateway/http_side.py"],
    "httptools": [],
    "prometheus_client": ["gateway/metrics.py"],
    "msgspec": ["actors/runtime/plain.py", "actors/runtime/codec.py", "actors/store/*.py", "gateway/wire.py", "gateway/client*.py"],
    "pydantic": ["gateway/api/*.py", "gateway/wire_schema.py", "cluster/settings*.py"],
    "annotated_types": ["cluster/settings_page.py"],
    "orjson": ["cluster/bench/*.py"],
    "psutil": ["cluster/bench/*.py", "cluster/dev/*.py"],
    "click": ["cluster/cli.py", "cluster/commands/*.py", "cluster/bench/cli.py"],
    "rich": ["cluster/commands/*.py", "cluster/bench/*.py"],
    "uvloop": ["cluster/cell_process.py", "cluster/bench/*.py"],
    "websockets": ["gateway/connection*.py", "gateway/client_link.py", "gateway/client_moves.py", "cluster/peer*.py", "cluster/bench/*.py"],
}
"""Foreign library -> the files that may import it. What is not named may be imported anywhere above `actors`."""

ACTORS_MAY_IMPORT = {"msgspec", "cryptography", "sqlite3", "cassandra"}
"""Foreign libraries of the core; the table above says in which files."""

FORBIDDEN_IN_ACTORS = {"asyncio", "socket", "ssl", "select", "selectors", "http", "urllib", "multiprocessing", "uvloop", "ray"}
MAY_SLEEP = {
    "tests/kit/fast_loop.py": "on its loop the time is moved by hand: none passes",
    "tests/kit/spans.py": "a fault lasts, a stranger writes slowly, a client comes again when it was told to: the clock is the story",
}
"""Test file that lets time pass -> why no event can be waited for instead. A turn of the loop, `sleep(0)`, passes no time."""
MAY_LOOK_AGAIN = {"tests/kit/peers.py": "both ends and all that they do are in this very loop, and it has no event for one of its turns"}
"""Test file that looks again after a pause -> why."""
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc"}


@cache
def tracked() -> tuple[str, ...]:
    """All Python files that git knows or would know."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return tuple(name for name in sorted(set(listed.stdout.split())) if (ROOT / name).is_file())


def sources() -> list[str]:
    """The product's files."""
    return [name for name in tracked() if name.split("/")[0] in LAYERS]


@cache
def tree(name: str) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def imports(name: str) -> Iterator[tuple[int, str]]:
    """Line and dotted module of every import, inside functions too."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def test_there_is_something_to_check() -> None:
    layers_found = {name.split("/")[0] for name in sources()}
    assert "actors" in layers_found
    assert "cluster" in layers_found


def test_imports_point_one_way() -> None:
    wrong = [
        f"{name}:{line} imports {module}"
        for name in sources()
        for line, module in imports(name)
        if (top := module.split(".")[0]) in LAYERS and top not in LAYERS[name.split("/")[0]]
    ]
    assert wrong == []


def test_no_import_is_relative() -> None:
    assert [f"{name}:{line}" for name in sources() for line, module in imports(name) if module.startswith(".")] == []


def test_product_code_never_imports_tests() -> None:
    assert [f"{name}:{line}" for name in sources() for line, module in imports(name) if module.split(".")[0] in {"tests", "pytest"}] == []


def test_foreign_libraries_stay_in_their_files() -> None:
    wrong = [
        f"{name}:{line} imports {module}; allowed in {allowed}"
        for name in sources()
        for line, module in imports(name)
        if (allowed := CONFINED.get(module.split(".")[0])) is not None and not any(fnmatch.fnmatch(name, pattern) for pattern in allowed)
    ]
    assert wrong == []


def test_the_core_knows_no_event_loop_and_no_network() -> None:
    wrong = [
        f"{name}:{line} imports {module}"
        for name in sources()
        for line, module in imports(name)
        if name.startswith("actors/") and module.split(".")[0] in FORBIDDEN_IN_ACTORS
    ]
    assert wrong == []


def test_the_core_needs_few_libraries() -> None:
    wrong = [
        f"{name}:{line} imports {module}"
        for name in sources()
        for line, module in imports(name)
        if name.startswith("actors/") and (top := module.split(".")[0]) in (set(CONFINED) | {"numpy"}) and top not in ACTORS_MAY_IMPORT
    ]
    assert wrong == []


@pytest.mark.parametrize("name", tracked())
def test_files_and_functions_stay_small(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").count("\n")
    long = [
        f"{node.name}: {(node.end_lineno or 0) - node.lineno + 1} lines"
        for node in ast.walk(tree(name))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert lines <= MAX_FILE_LINES
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    assert [name for name in sources() if not ast.get_docstring(tree(name))] == []


def test_no_module_is_a_drawer() -> None:
    assert [name for name in tracked() if DRAWERS & set(Path(name).with_suffix("").parts)] == []


def test_tests_lie_where_their_sources_lie() -> None:
    wrong = [
        name
        for name in tracked()
        if (parts := Path(name).parts)[0] == "tests"
        and len(parts) > 2
        and parts[1] in LAYERS
        and not (ROOT.joinpath(*parts[1:-1])).is_dir()
    ]
    assert wrong == []


def calls(name: str, within: ast.AST, *functions: str) -> Iterator[tuple[str, ast.Call]]:
    """Where a part of a file calls a function or method of one of these names."""
    for node in ast.walk(within):
        if isinstance(node, ast.Call) and (getattr(node.func, "attr", None) or getattr(node.func, "id", None)) in functions:
            yield f"{name}:{node.lineno}", node


def tests_and_kit() -> list[str]:
    """All files of the tests."""
    return [name for name in tracked() if name.startswith("tests/")]


def test_no_test_sleeps() -> None:
    found = [
        (name, where)
        for name in tests_and_kit()
        for where, call in calls(name, tree(name), "sleep", "wait_for_timeout")
        if not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)
    ]
    assert [where for name, where in found if name not in MAY_SLEEP] == []
    assert {name for name, _ in found} == set(MAY_SLEEP), "what needs no exception any more has none"


def test_no_test_looks_again_after_a_pause() -> None:
    found = {
        (name, where)
        for name in tests_and_kit()
        for loop in ast.walk(tree(name))
        if isinstance(loop, ast.While)
        for where, _ in calls(name, loop, "lasts", "call_later")
    }
    assert [where for name, where in sorted(found) if name not in MAY_LOOK_AGAIN] == []
    assert {name for name, _ in found} == set(MAY_LOOK_AGAIN), "what needs no exception any more has none"


def test_classes_inherit_one_level_from_our_own() -> None:
    own = {node.name: node for name in sources() for node in ast.walk(tree(name)) if isinstance(node, ast.ClassDef)}
    open_bases = {"Plain", "Message", "Request", "Command", "Event", "Row", "ChatError", "StoreError", "Actor"}
    deep = [
        f"{name} < {base} < {', '.join(bases(own[base]))}"
        for name, node in own.items()
        for base in bases(node)
        if base in own and base not in open_bases and any(above in own and above not in open_bases for above in bases(own[base]))
    ]
    assert deep == []


def bases(node: ast.ClassDef) -> list[str]:
    """The names of a class's bases, without modules and type parameters."""
    plain = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
    return [base.id if isinstance(base, ast.Name) else base.attr for base in plain if isinstance(base, (ast.Name, ast.Attribute))]
