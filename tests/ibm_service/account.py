"""The one account of the service: its token, its instance, and what the client asks before it asks for devices."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field

TOKEN = "loopback-0123456789abcdef-token-that-no-file-may-hold"
"""What the client logs in with. Tests search files, logs and reports for it."""
INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/loopback-account:loopback-instance::"
PLAN = "plan-open"
MONTH = 600.0
"""Seconds of a device that the account has: the ten minutes of the Open Plan."""
DOMAIN = "loopback.test"
"""A domain that nobody can own (RFC 6761): where the proxy is missing, the client reaches nobody."""


def environment(port: int, token: str = TOKEN) -> dict[str, str]:
    """What points the unmodified client at the server on this port.

    The client makes several host names of ``QISKIT_IBM_URL`` and drops its port, so a plain address of this machine
    would not do. The server is its proxy instead; encrypted addresses go there too, and are refused there.
    """
    proxy = f"http://127.0.0.1:{port}"
    return {
        "IAM_URL": f"http://iam.{DOMAIN}",
        "QISKIT_IBM_CHANNEL": "ibm_quantum_platform",
        "QISKIT_IBM_URL": f"http://{DOMAIN}",
        "QISKIT_IBM_TOKEN": token,
        "QISKIT_IBM_INSTANCE": INSTANCE,
        "USAGE_DATA_OPT_OUT": "True",  # else the client looks through all files on its stack at each request
        **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"), proxy),
        **dict.fromkeys(("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"), ""),
    }


@dataclass
class Account:
    """Who may come in, and what the instance has left.

    Attributes:
        limit: seconds of a device in this period.
        spent: seconds that were used before any job of this server.
        passes: the access tokens that were given out and are good.
    """

    limit: float = MONTH
    spent: float = 0.0
    passes: set[str] = field(default_factory=set)

    def log_in(self, form: dict[str, list[str]]) -> dict[str, object] | None:
        """An access token for the right key, or nothing."""
        if form.get("apikey") != [TOKEN]:
            return None
        issued = int(time.time())
        access = _signed({"iat": issued, "exp": issued + 3600, "iam_id": "IBMid-loopback", "n": len(self.passes)})
        self.passes.add(access)
        return {
            "access_token": access,
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": 3600,
            "expiration": issued + 3600,
            "scope": "ibm openid",
        }

    def lets_in(self, authorization: str | None) -> bool:
        """Whether a request with this header may come in."""
        kind, _, word = (authorization or "").partition(" ")
        # The client falls back to the key itself where it gets no access token.
        return (kind == "Bearer" and word in self.passes) or (kind == "apikey" and word == TOKEN)

    def usage(self, used: float) -> dict[str, object]:
        """What the instance has used, with the jobs of this server."""
        consumed = self.spent + used
        return {
            "instance_id": INSTANCE,
            "plan_id": PLAN,
            "usage_consumed_seconds": consumed,
            "usage_limit_seconds": self.limit,
            "usage_limit_reached": consumed >= self.limit,
        }


def found(devices: list[str]) -> dict[str, object]:
    """The instances of the account, as the search of resources tells them."""
    instance = {
        "crn": INSTANCE,
        "service_plan_unique_id": PLAN,
        "name": "loopback",
        "tags": [],
        "doc": {"extensions": {"backends": devices}},
    }
    return {"items": [instance], "limit": 100}


def plan() -> dict[str, object]:
    """The plan of the instance, as the catalogue tells it."""
    return {"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "free"}}}


def _signed(claims: dict[str, object]) -> str:
    """A token of the right shape; the client reads its claims and checks no signature."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2ln"])
