"""How hook plugins are called, so that nothing that they do reaches the run."""

from qplug.hooks.calls import Hooks, check_hooks, copied, made
from qplug.hooks.commands import command_of

__all__ = ["Hooks", "check_hooks", "command_of", "copied", "made"]
