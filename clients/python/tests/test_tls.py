"""Publishing and following over TLS, with a CA of one's own."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from server import KeyedServer
from steadfast import (
    AsyncPublisher,
    Event,
    Follower,
    Publisher,
    RetryPolicy,
    Unavailable,
    make_token,
)

Key = ec.EllipticCurvePrivateKey


def certificate(name: str, key: Key, signer: x509.Name, signed_by: Key, *, is_ca: bool) -> bytes:
    now = datetime.datetime.now(datetime.timezone.utc)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = (
        x509.CertificateBuilder(signer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
    )
    return builder.sign(signed_by, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KeyedServer]:
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "own CA")])
    (tmp_path / "ca.pem").write_bytes(certificate("own CA", ca_key, ca, ca_key, is_ca=True))
    (tmp_path / "cert.pem").write_bytes(certificate("node", key, ca, ca_key, is_ca=False))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    files = 'tls_cert_file = "cert.pem"\ntls_key_file = "key.pem"\n'
    with KeyedServer(tmp_path, files) as server:
        yield server


def test_a_ca_of_ones_own_is_trusted_where_it_is_given_and_only_there(
    server: KeyedServer, tmp_path: Path
) -> None:
    tls = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    token = make_token(server.token_key, sub="ada", subscribe=["tls:*"])

    async def offsets(url: str) -> list[int]:
        async with Follower("tls:1", url, token=token, tls=tls) as follower:
            return [item.offset async for item in follower if isinstance(item, Event)]

    async def work() -> None:
        options = {"key": server.backend_key, "tls": tls}
        internal = f"https://{server.internal.partition('//')[2]}"
        with Publisher(internal, **options) as publisher:  # type: ignore[arg-type]
            publisher.publish("tls:1", "e")
        async with AsyncPublisher(internal, **options) as other:  # type: ignore[arg-type]
            await other.publish("tls:1", "e", final=True)
        assert await offsets(server.url) == [1, 2]
        quick = RetryPolicy(deadline_s=1)
        with Publisher(internal, key=server.backend_key, retry=quick) as stranger:
            with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
                stranger.publish("tls:2", "e")

    assert server.url.startswith("https://")
    asyncio.run(asyncio.wait_for(work(), 30))
