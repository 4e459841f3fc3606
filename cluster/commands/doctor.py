"""`warbler doctor`: looks at the machine and says what is wrong and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from cluster.checks import Finding, examine
from cluster.commands.options import setting_options, settings_of

SIGNS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "wrong": "[red]wrong[/]"}


@click.command("doctor")
@setting_options("data", "port", "host", "cert", "key")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Look for what is wrong with this machine. Status 1 where something would stop the server."""
    findings = examine(settings_of(ctx))
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        table = Table(box=None, show_header=False)
        for finding in findings:
            table.add_row(SIGNS[finding.state], finding.what, finding.text)
            if finding.mend:
                table.add_row("", "", f"[bold]{finding.mend}[/]")
        console = Console(highlight=False)
        console.print(table)
        console.print(summary(findings))
    if any(finding.state == "wrong" for finding in findings):
        ctx.exit(1)


def summary(findings: Sequence[Finding]) -> str:
    """All of it in one line."""
    wrong = sum(finding.state == "wrong" for finding in findings)
    warnings = sum(finding.state == "warning" for finding in findings)
    if wrong:
        return f"\n[red]{wrong} of {len(findings)} would stop the server or keep it from working.[/] Under each stands what to do."
    return f"\nNothing stops the server. {warnings} of {len(findings)} could be better." if warnings else "\nAll is well."
