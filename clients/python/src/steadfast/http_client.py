"""What all HTTP of this package has in common: addresses, headers, limits, proxies.

In: the address of a port, a key. Out: settings for httpx, and its errors as outcomes of a step.
A key is put into one header and nowhere else: not into errors, logs or representations.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from typing import Any, Dict, Optional, Union

import httpx

from .publishing import NoResponse

KEY_VARIABLE = "STEADFAST_KEY"
ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""The largest answer that is read."""
VERSION = "0.1.0"

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class AnswerTooLarge(httpx.TransportError):
    """An answer was longer than `ANSWER_BYTES_MAX`."""


def base_url(url: str) -> httpx.URL:
    """Check the address of a port."""
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{parsed.copy_with(userinfo=b'')} is no address such as http://host:8081")
    if parsed.userinfo:
        raise ValueError("the address has a user name in it; give the key as `key` instead")
    return parsed


def is_loopback(host: str) -> bool:
    """Whether this is the machine itself, which no proxy can reach for us."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def key_of(key: Optional[str]) -> Optional[str]:
    """Return the key that is given, else that of the environment, as one header can carry it."""
    key = key if key is not None else os.environ.get(KEY_VARIABLE)
    if not key:
        return None
    key = key.strip("\r\n\ufeff")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("the key has characters that no header can carry")
    return key


def verification(*, is_tls: bool, tls: Optional[ssl.SSLContext]) -> Union[ssl.SSLContext, bool]:
    """Return the argument `verify` of an httpx client.

    It trusts what the machine trusts, as `websockets` does; httpx would trust a list of its own.
    Without TLS there is nothing to verify, since redirects are not followed.
    """
    if not is_tls:
        return False
    return tls if tls is not None else ssl.create_default_context()


def client_settings(
    url: httpx.URL, key: Optional[str], tls: Optional[ssl.SSLContext]
) -> Dict[str, Any]:
    """Return the arguments of an httpx client for this port."""
    headers = {"User-Agent": f"steadfast-python/{VERSION}", "Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return {
        "base_url": url,
        "headers": headers,
        "follow_redirects": False,
        "verify": verification(is_tls=url.scheme == "https", tls=tls),
        # Variables such as HTTP_PROXY are for hosts elsewhere.
        "trust_env": not is_loopback(url.host),
    }


def no_response(error: httpx.HTTPError) -> NoResponse:
    """Tell what an error of httpx means: was the request on its way?"""
    why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return NoResponse(why, was_sent=not isinstance(error, _NOT_SENT))
