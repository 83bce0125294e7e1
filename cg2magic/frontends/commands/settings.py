"""The commands about settings: config, allow."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cg2magic.context import settings
from cg2magic.errors import UsageError
from cg2magic.frontends.commands.parser import Commands
from cg2magic.sandbox.sandbox import missing

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ALLOWED = {
    "sandbox": "--check may run candidates in a sandbox, in this kernel; run the cell again to check it",
    "unconfined": "--check may run candidates with limits only: they can read your files and use the network",
    "nothing": "--check runs nothing any more",
}


def add_to(commands: Commands) -> None:
    """Add these commands."""
    config = commands.add(
        "config",
        _config,
        "show the defaults, or what this notebook lets a model see (--notebook)",
        "`%config CG2.temperature = 0.4` changes a default.",
    )
    config.add_argument(
        "--notebook",
        action="store_true",
        help="the settings saved in the notebook, for everybody who opens it",
    )
    config.add_argument(
        "settings",
        nargs="*",
        metavar="NAME=VALUE",
        help="with --notebook, narrow it: context=none, context=cell, vars=none, vars=NAME,NAME, ground=none",
    )

    allow = commands.add("allow", _allow, "let --check run candidates, or forbid it again")
    allow.add_argument(
        "what",
        nargs="?",
        default="sandbox",
        choices=tuple(_ALLOWED),
        help="in a sandbox (%(default)s), with limits only, or not at all",
    )


def _config(args: argparse.Namespace, shell: InteractiveShell) -> None:
    from cg2magic.frontends import present as frontend

    if args.notebook:
        # Both vars="a, b" and "vars=a, b".
        pairs = [pair.replace('"', "").replace("'", "") for pair in args.settings]
        frontend.configure_notebook(shell, settings.of_pairs(pairs))
    elif args.settings:
        raise UsageError(
            f"`%config CG2.{args.settings[0]}` changes a default; `%cg2 config --notebook "
            f"{args.settings[0]}` changes what this notebook lets a model see"
        )
    else:
        shell.run_line_magic("config", "CG2")


def _allow(args: argparse.Namespace, shell: InteractiveShell) -> str:
    what: str = args.what
    if what == "sandbox" and (trouble := missing()):
        raise UsageError(f"{trouble}; %cg2 allow unconfined lets --check run candidates with limits only")
    shell.run_line_magic("config", f"CG2.allow_execution = {what!r}")
    return _ALLOWED[what]
