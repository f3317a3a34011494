"""``qplug completion``: what a shell reads to complete commands, options and names."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from qplug_cli.completion import script

EXAMPLES = """
**Examples**

`qplug completion bash` – to the screen; in bash: `eval "$(qplug completion bash)"` in `~/.bashrc`

`qplug completion zsh` – in zsh: `eval "$(qplug completion zsh)"` in `~/.zshrc`, below `compinit`

`qplug completion fish` – in fish: `qplug completion fish > ~/.config/fish/completions/qplug.fish`
"""


class Shell(StrEnum):
    """A shell that can be told."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")],
) -> None:
    """Print what a shell reads to complete commands, options, and the names of components and recipes.

    Nothing is written anywhere. The examples say where each shell looks.
    """
    sys.stdout.write(script(shell.value) + "\n")
