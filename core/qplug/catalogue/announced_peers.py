"""What plugins bring for ``qplug bench`` to compare with; the bench says what it must be."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from qplug.catalogue.listing import disabled_by
from qplug.catalogue.loading import import_offered
from qplug.catalogue.offers import peer_offers
from qplug.catalogue.standard_output import stdout_to_stderr
from qplug.contract.errors import PluginError


def peers() -> tuple[dict[str, Any], dict[str, str]]:
    """What is announced in the group ``qplug.peers``, imported, by name; and the reason for what is left out."""
    found: dict[str, Any] = {}
    left_out: dict[str, str] = {}
    for name, group in groupby(peer_offers(), key=lambda offer: offer.name):
        rivals = list(group)
        if reason := next(filter(None, map(disabled_by, rivals)), ""):
            left_out[name] = reason
        elif len(rivals) > 1:
            left_out[name] = f"it is announced more than once, by {' and '.join(offer.provider for offer in rivals)}"
        else:
            try:
                with stdout_to_stderr():
                    found[name] = import_offered(rivals[0])
            except PluginError as error:
                left_out[name] = f"{error} ({rivals[0].provider} {rivals[0].version})"
    return found, left_out
