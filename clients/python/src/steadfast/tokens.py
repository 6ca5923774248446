"""Tokens for clients of the public port, as docs/tokens.md has them.

In: a key, and what a user may do. Out: a signed JSON web token. What every server would refuse is
refused here, where a backend's log shows it; a key is never shown in an error.
"""

from __future__ import annotations

import math
import time
import unicodedata
from typing import Any, Dict, Iterable, List, Optional, Tuple

import jwt

from .errors import TokenError
from .names import check_pattern

TOKEN_BYTES_MAX = 8192
GRANTS_MAX = 256
NAME_BYTES_MAX = 255
SECRET_BYTES_MIN = {"HS256": 32, "HS384": 48, "HS512": 64}
ALGORITHMS = (*SECRET_BYTES_MIN, "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")


def make_token(
    key: str,
    *,
    sub: Optional[str] = None,
    subscribe: Iterable[str] = (),
    publish: Iterable[str] = (),
    presence: Iterable[str] = (),
    ttl_s: float = 900,
    algorithm: str = "HS256",
    kid: Optional[str] = None,
    jti: Optional[str] = None,
    issuer: Optional[str] = None,
    audience: Optional[str] = None,
    now_s: Optional[float] = None,
) -> str:
    """Make a token that ends in `ttl_s` seconds.

    `key` is the text of `auth.hs256_key_file`, without its line end, or a private key as PEM for
    the other algorithms, which need the extra `keys` of this package. `sub` is the user: give one
    to every user, since links and idempotency keys belong to it. Grants are channels, `prefix:*`
    or `*`. Raises `TokenError`.
    """
    now = time.time() if now_s is None else now_s
    if ttl_s < 1:
        raise TokenError(f"a token lives for 1 s at least, not {ttl_s}")
    claims: Dict[str, Any] = {"iat": int(now), "exp": math.ceil(now + ttl_s)}
    for name, text in (("sub", sub), ("jti", jti), ("iss", issuer), ("aud", audience)):
        if text is not None:
            claims[name] = _name(name, text)
    for name, grants in (("subscribe", subscribe), ("publish", publish), ("presence", presence)):
        claims.update(_grants(name, grants))
    headers = {"kid": kid} if kid is not None else None
    secret = _key(key, algorithm)
    try:
        token = jwt.encode(claims, secret, algorithm=algorithm, headers=headers)
    except (jwt.PyJWTError, NotImplementedError, TypeError, ValueError) as error:
        # The text of the error may quote the key.
        raise TokenError(f"the key does not fit {algorithm}: {type(error).__name__}") from None
    if len(token) > TOKEN_BYTES_MAX:
        raise TokenError(f"a token has at most {TOKEN_BYTES_MAX} bytes, this one {len(token)}")
    return token


def _key(key: str, algorithm: str) -> str:
    if algorithm not in ALGORITHMS:
        raise TokenError(f"{algorithm!r} is none of {', '.join(ALGORITHMS)}")
    least = SECRET_BYTES_MIN.get(algorithm)
    if least is None:
        return key
    # A file's line end, and the mark that some editors add, are no part of the secret.
    key = key.lstrip("\ufeff")
    key = key[:-1] if key.endswith("\n") else key
    key = key[:-1] if key.endswith("\r") else key
    if "-----BEGIN" in key:
        raise TokenError(f"the key is a PEM file, and {algorithm} takes a secret")
    if len(key.encode()) < least:
        raise TokenError(f"a secret for {algorithm} has {least} bytes at least")
    return key


def _name(claim: str, text: str) -> str:
    has_control = any(unicodedata.category(sign) == "Cc" for sign in text)
    if has_control or not 0 < len(text.encode()) <= NAME_BYTES_MAX:
        raise TokenError(f"`{claim}` has 1 to {NAME_BYTES_MAX} bytes without control characters")
    return text


def _grants(claim: str, grants: Iterable[str]) -> List[Tuple[str, List[str]]]:
    if isinstance(grants, str):
        raise TokenError(f"`{claim}` is a list of channels, not one text: [{grants!r}]")
    patterns = list(grants)
    if len(patterns) > GRANTS_MAX:
        raise TokenError(f"`{claim}` has at most {GRANTS_MAX} entries, not {len(patterns)}")
    try:
        return [(claim, [check_pattern(pattern) for pattern in patterns])] if patterns else []
    except ValueError as error:
        raise TokenError(f"`{claim}`: {error}") from None
