"""Tokens: their claims, what is refused, and that the real server takes them."""

from __future__ import annotations

from typing import Any, Dict, Iterator

import httpx
import jwt
import pytest

from server import KeyedServer
from steadfast import TokenError, make_token

KEY = "k" * 32


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    with KeyedServer(tmp_path_factory.mktemp("keys")) as server:
        yield server


def claims(token: str) -> Dict[str, Any]:
    return dict(jwt.decode(token, KEY, ["HS256"], {"verify_exp": False, "verify_iat": False}))


def test_the_claims_are_those_of_the_manual() -> None:
    token = make_token(
        KEY, sub="ada", subscribe=["orders:*"], publish=["a"], presence=["b"], jti="7", now_s=100.9
    )
    assert claims(token) == {
        "sub": "ada",
        "subscribe": ["orders:*"],
        "publish": ["a"],
        "presence": ["b"],
        "jti": "7",
        "iat": 100,
        "exp": 1001,
    }
    assert "kid" not in jwt.get_unverified_header(token)
    assert jwt.get_unverified_header(make_token(KEY, kid="2026-11"))["kid"] == "2026-11"


def test_the_line_end_of_a_key_file_is_no_part_of_the_key() -> None:
    plain = make_token(KEY, now_s=0)
    assert make_token(f"{KEY}\n", now_s=0) == plain
    assert make_token(f"\ufeff{KEY}\r\n", now_s=0) == plain
    assert make_token(f"{KEY} ", now_s=0) != plain


def test_what_every_server_would_refuse_is_refused_here() -> None:
    for key, options in [
        ("k" * 31, {}),
        (KEY, {"algorithm": "HS384"}),
        (KEY, {"algorithm": "none"}),
        ("-----BEGIN PUBLIC KEY-----" + KEY, {}),
        (KEY, {"algorithm": "ES256"}),
        (KEY, {"sub": ""}),
        (KEY, {"sub": "é" * 128}),
        (KEY, {"sub": "a\x85"}),
        (KEY, {"ttl_s": 0}),
        (KEY, {"subscribe": "orders:*"}),
        (KEY, {"subscribe": ["orders*"]}),
        (KEY, {"subscribe": ["orders:"]}),
        (KEY, {"publish": ["a"] * 257}),
        (KEY, {"publish": [f"{n:03}:{'x' * 200}" for n in range(40)]}),
    ]:
        with pytest.raises(TokenError) as caught:
            make_token(key, **options)  # type: ignore[arg-type]
        assert key not in str(caught.value)
    assert make_token(KEY, sub="é" * 127, publish=["a"] * 256)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_private_keys_sign(algorithm: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private: Any = {
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "RS256": rsa.generate_private_key(65537, 2048),
    }[algorithm]
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    token = make_token(pem, sub="ada", algorithm=algorithm)
    assert jwt.decode(token, private.public_key(), algorithms=[algorithm])["sub"] == "ada"


def test_a_server_lets_in_what_was_granted_and_nothing_else(server: KeyedServer) -> None:
    def status(channel: str, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{server.url}/v1/channels/{channel}/events?wait=0"
        return httpx.get(url, headers=headers, trust_env=False).status_code

    token = make_token(server.token_key, sub="ada", subscribe=["orders:*"])
    assert status("orders:1", token) == 200
    assert status("others:1", token) == 403
    assert status("orders:1", make_token("x" * 32, subscribe=["orders:*"])) == 401
    assert status("orders:1", make_token(server.token_key, subscribe=["*"], now_s=0)) == 401
