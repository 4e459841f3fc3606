"""`warbler accounts`: through the running server, or alone with the data where none runs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cluster.account_calls import do_account_call
from cluster.accounts import AT_ONCE, new_password, numbered, token_lines
from cluster.commands.host import connected_host
from cluster.commands.options import PATH, setting_options, settings_of
from cluster.lonely import only_cell
from cluster.problems import StartProblem
from cluster.ray_instance import running
from cluster.settings import Settings

Function = Callable[..., None]
PASSWORD = "WARBLER_PASSWORD"
CALL_LIMIT_S = 60.0


@click.group("accounts", invoke_without_command=True)
@setting_options("data")
@click.option("--count", type=int, help="Make so many accounts at once, PREFIX0 and on, each with a token that never ends.")
@click.option("--prefix", default="load", show_default=True, help="How their names begin.")
@click.option("--tokens", type=PATH, help="File for the tokens: a line an account, name, tab, token.")
@click.pass_context
def command(ctx: click.Context, count: int | None, prefix: str, tokens: Path | None) -> None:
    """Make and change accounts, while the server runs or not."""
    if ctx.invoked_subcommand is not None:
        return
    if count is None:
        click.echo(ctx.get_help())
        return
    if tokens is None:
        raise StartProblem("--count needs --tokens FILE: the tokens cannot be shown again.")
    _make_many(settings_of(ctx), numbered(prefix, count), tokens)


def _make_many(settings: Settings, names: list[str], tokens: Path) -> None:
    try:
        with os.fdopen(os.open(tokens, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            for made in calls(settings, [("create_many", {"names": names[at : at + AT_ONCE]}) for at in range(0, len(names), AT_ONCE)]):
                file.write(token_lines(made))
    except OSError as error:
        raise StartProblem(f"{tokens} cannot be written: {error.strerror}.") from error
    click.echo(f"{len(names)} accounts, {names[0]} to {names[-1]}; their tokens are in {tokens}.")


def of_one(name: str) -> Callable[[Function], click.Command]:
    """A command about one account: its function gets the context and `user` first."""

    def make(function: Function) -> click.Command:
        with_options = setting_options("data")(click.pass_context(function))
        return command.command(name)(click.argument("user")(with_options))

    return make


@of_one("create")
@click.option("--display", default="", help="Name that others see; the account's name where it is not given.")
@click.option("--admin", is_flag=True, help="Make it an administrator.")
def create(ctx: click.Context, user: str, display: str, admin: bool) -> None:
    """Make an account. Its password is asked for, or WARBLER_PASSWORD, or made and shown where nobody can be asked."""
    password, shown = _new_password()
    _show(ctx, "create", user=user, display=display, password=password, admin=admin)
    if shown:
        click.echo(f"password: {password}")


@of_one("service")
@click.option("--display", default="", help="Name that others see.")
def service(ctx: click.Context, user: str, display: str) -> None:
    """Make an account for a program, and show its token, which never ends."""
    click.echo(call(settings_of(ctx), "create_service", user=user, display=display))


@of_one("disable")
def disable(ctx: click.Context, user: str) -> None:
    """End all its sessions, and let it in no more."""
    _show(ctx, "change", user=user, disabled=True)


@of_one("enable")
def enable(ctx: click.Context, user: str) -> None:
    """Let it in again."""
    _show(ctx, "change", user=user, disabled=False)


@of_one("delete")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(ctx: click.Context, user: str, yes: bool) -> None:
    """End it for good: logged out everywhere, out of all rooms. Its messages stay, and nobody can take its name again."""
    if not yes:
        if not sys.stdin.isatty():
            raise StartProblem("An account that is deleted cannot be brought back; say --yes.")
        click.confirm(f"Delete the account {user}? It cannot be brought back.", abort=True)
    call(settings_of(ctx), "delete", user=user)
    click.echo(f"{user} is deleted.")


@of_one("reset-password")
def reset_password(ctx: click.Context, user: str) -> None:
    """Give it another password (asked for, WARBLER_PASSWORD, or made and shown), and end all its sessions."""
    password, shown = _new_password()
    _show(ctx, "change", user=user, password=password)
    if shown:
        click.echo(f"password: {password}")


@of_one("make-admin")
@click.option("--revoke", is_flag=True, help="Make it an ordinary account again.")
def make_admin(ctx: click.Context, user: str, revoke: bool) -> None:
    """Make it an administrator."""
    _show(ctx, "change", user=user, admin=not revoke)


@of_one("show")
def show(ctx: click.Context, user: str) -> None:
    """Show an account."""
    _show(ctx, "show", user=user)


def _show(ctx: click.Context, name: str, **arguments: Any) -> None:
    click.echo(json.dumps(call(settings_of(ctx), name, **arguments)))


def call(settings: Settings, name: str, **arguments: Any) -> Any:
    """One call; see `cluster.account_calls`."""
    return calls(settings, [(name, arguments)])[0]


def calls(settings: Settings, wanted: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Several, one after the other: by the running server, or in this process. Raises `StartProblem`."""
    if running(settings) is not None:
        with connected_host(settings) as host:
            return [host.call("accounts", name, arguments, limit_s=CALL_LIMIT_S, return_s=0.0) for name, arguments in wanted]
    return asyncio.run(_alone(settings, wanted))


async def _alone(settings: Settings, wanted: list[tuple[str, dict[str, Any]]]) -> list[Any]:
    async with only_cell(settings) as app:
        return [await do_account_call(app.accounts, name, arguments) for name, arguments in wanted]


def _new_password() -> tuple[str, bool]:
    """The password, and whether it has to be shown."""
    given = os.environ.get(PASSWORD)
    if given:
        return given, False
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True), False
    return new_password(), True
