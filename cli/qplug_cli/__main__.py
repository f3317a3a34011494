"""``python -m qplug_cli`` and the command ``qplug``: the door, in front of everything that takes time to load."""

from __future__ import annotations

from qplug_cli import garbage


def run() -> None:
    """Runs the command line and ends the process."""
    # Loading modules makes no garbage, and looking for it takes a tenth of a help page's time. A command will switch
    # it on.
    garbage.at_the_door()
    from qplug_cli import main

    main.run()


if __name__ == "__main__":
    run()
