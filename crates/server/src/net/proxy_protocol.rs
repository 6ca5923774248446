//! The header of the PROXY protocol, versions 1 and 2, at the start of a connection. In: a socket
//! of a trusted proxy. Out: the address of the client, and the socket behind the header.

use std::io;
use std::net::IpAddr;

use proxy_header::{Error, ParseConfig, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest header. One of version 1 has 107 bytes at most, one of version 2 with a client's
/// certificate and its chain of names stays well below this.
const HEADER_BYTES_MAX: usize = 4 * 1024;
/// The bytes of the shortest header of either version.
const SHORTEST: usize = 15;
/// The bytes of version 2 that say how long the rest is, and where.
const FIXED: usize = 16;

/// Reads the header. `None` if it names no client, as that of a proxy's own health check.
pub(crate) async fn read<S>(socket: &mut S) -> io::Result<Option<IpAddr>>
where
    S: AsyncRead + Unpin,
{
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    let mut bytes = vec![0; SHORTEST];
    socket.read_exact(&mut bytes).await?;
    loop {
        match ProxyHeader::parse(&bytes, config) {
            // As many bytes are read as are known to be missing, so none is left over.
            Ok((header, _)) => {
                return Ok(header.proxied_address().map(|address| address.source.ip()));
            }
            Err(Error::BufferTooShort) if bytes.len() < HEADER_BYTES_MAX => {
                let read = bytes.len();
                bytes.resize(read + missing(&bytes), 0);
                socket.read_exact(&mut bytes[read..]).await?;
            }
            Err(_) => return Err(io::Error::other("this is no header of the PROXY protocol")),
        }
    }
}

/// How many bytes of an unfinished header certainly follow.
fn missing(bytes: &[u8]) -> usize {
    let is_text = bytes.starts_with(b"PROXY ");
    match (is_text, bytes) {
        (false, [_, .., high, low]) if bytes.len() == FIXED => {
            usize::from(u16::from_be_bytes([*high, *low])).clamp(1, HEADER_BYTES_MAX)
        }
        (_, _) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use std::net::IpAddr;
    use tokio::io::AsyncReadExt;

    const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

    /// What a header says, and what is left behind it.
    async fn of(header: &[u8]) -> (Result<Option<IpAddr>, ()>, Vec<u8>) {
        let bytes = [header, b"GET / HTTP/1.1\r\n"].concat();
        let mut socket = &bytes[..];
        let read = read(&mut socket).await.map_err(drop);
        let mut rest = Vec::new();
        socket.read_to_end(&mut rest).await.unwrap();
        (read, rest)
    }

    fn v2(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        [V2, &[0x20 | command, family], &length, payload].concat()
    }

    #[tokio::test]
    async fn the_headers_that_proxies_send_are_read_and_nothing_behind_them() {
        let four = [192, 0, 2, 7, 10, 0, 0, 1, 0x1F, 0x90, 0, 80];
        let six = [&[0x20, 1, 0x0D, 0xB8][..], &[0; 11], &[7], &[0; 16], &[0; 4]].concat();
        let with_tlv = [&four[..], &[0x05, 0, 2, 1, 2, 0xE0, 0, 1, 9]].concat();
        let (v4, v6) = ("192.0.2.7".parse().ok(), "2001:db8::7".parse().ok());
        for (header, expected) in [
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 8080 80\r\n".to_vec(), v4),
            (b"PROXY TCP6 2001:db8::7 :: 8080 80\r\n".to_vec(), v6),
            // A port and a destination that are not known.
            (b"PROXY TCP4 192.0.2.7 0.0.0.0 0 0\r\n".to_vec(), v4),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), None),
            (v2(1, 0x11, &four), v4),
            (v2(1, 0x21, &six), v6),
            (v2(1, 0x11, &with_tlv), v4),
            (v2(0, 0x00, &[]), None),
            (v2(0, 0x11, &four), None),
        ] {
            let (read, rest) = of(&header).await;
            assert_eq!(read, Ok(expected), "{}", header.escape_ascii());
            assert_eq!(rest, b"GET / HTTP/1.1\r\n", "{}", header.escape_ascii());
        }
    }

    #[tokio::test]
    async fn anything_else_is_an_error() {
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 5000]].concat();
        for header in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PROXY", V2, &endless] {
            assert!(of(header).await.0.is_err(), "{}", header.escape_ascii());
        }
        assert!(of(&v2(1, 0x11, &[1, 2])).await.0.is_err());
        assert!(of(&v2(9, 0x11, &[0; 12])).await.0.is_err());
    }
}
