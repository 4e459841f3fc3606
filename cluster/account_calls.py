"""Calls of `warbler accounts` by name, so that they can be made in this process or in a running cell alike."""

from __future__ import annotations

from typing import Any

from cluster.accounts import Accounts, Changes, described


async def do_account_call(accounts: Accounts, call: str, arguments: dict[str, Any]) -> Any:
    """Carry one out; plain values come back. Raises `StartProblem`; `ValueError` for a call that there is not."""
    if call == "create":
        return described(await accounts.create(**arguments))
    if call == "create_service":
        return await accounts.create_service(**arguments)
    if call == "create_many":
        return await accounts.create_many(**arguments)
    if call == "change":
        user = arguments.pop("user")
        return described(await accounts.change(user, Changes(**arguments)))
    if call == "show":
        return described(await accounts.show(**arguments))
    if call == "delete":
        return await accounts.delete(**arguments)
    raise ValueError(f"there is no account call {call!r}")
