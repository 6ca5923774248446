//! How a WebSocket ends: which side closes it, what the peer is told, and how long that may take.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use steadfast_protocol::CloseCode;
use steadfast_websocket::outbound;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::SocketIo;
use super::reader::ReadEvent;

/// How long a peer that this server closes may take nothing of what is written before the close
/// frame, and how long its answer may take.
pub(crate) const GRACE: Duration = Duration::from_secs(2);
/// How long one that goes on taking, or has closed the session itself, may take in all.
const WRITE_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) enum CloseCause {
    /// This server closes it.
    Ours { code: CloseCode, reason: Cow<'static, str> },
    /// The peer closed it.
    Theirs { code: u16, reason: Box<str> },
    /// The socket is gone, or could never be used.
    Lost { reason: Cow<'static, str> },
    /// The peer reads nothing, not even a close frame.
    Stuck,
}

impl CloseCause {
    pub(super) fn lost(error: &io::Error) -> Self {
        Self::Lost { reason: error.to_string().into() }
    }

    /// Whether to discard the bytes that wait in the kernel.
    pub(super) const fn is_abrupt(&self) -> bool {
        matches!(self, Self::Stuck)
    }

    /// Whether the peer closed the session, and so has read what was sent before its close frame.
    pub(super) const fn is_theirs(&self) -> bool {
        matches!(self, Self::Theirs { .. })
    }

    pub(crate) fn code_and_reason(&self) -> (CloseCode, &str) {
        match self {
            Self::Ours { code, reason } => (*code, reason),
            Self::Theirs { code, reason } => (CloseCode(*code), reason),
            Self::Lost { reason } => (CloseCode::ABNORMAL, reason),
            Self::Stuck => (CloseCode::ABNORMAL, "took nothing, not even a close frame"),
        }
    }
}

/// Writes the close frame, or answers the peer's, and waits for the connection to end.
pub(super) async fn say_goodbye<S>(wire: &mut SocketIo<S>, ending: &CloseCause)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = match ending {
        CloseCause::Ours { code, reason } => outbound::close_frame(code.0, reason),
        CloseCause::Theirs { code: 1005, .. } => outbound::close_frame(1000, ""),
        CloseCause::Theirs { code, .. } => outbound::close_frame(*code, ""),
        CloseCause::Lost { .. } | CloseCause::Stuck => return,
    };
    // A peer that has closed is alive, and may only be slow.
    let pause_max = if ending.is_theirs() { WRITE_MAX } else { GRACE };
    let writing = async {
        if wire.batch.push_frame(frame.clone()).is_err() {
            write_out(wire, pause_max).await?;
            drop(wire.batch.push_frame(frame));
        }
        write_out(wire, pause_max).await
    };
    // What is not written by then is not sent.
    let Ok(Ok(())) = tokio::time::timeout(WRITE_MAX, writing).await else { return };
    let ending = async {
        if matches!(ending, CloseCause::Ours { .. }) {
            wait_for_close(wire).await;
        }
        wire.stream.shutdown().await
    };
    drop(tokio::time::timeout(GRACE, ending).await);
}

/// Writes what waits, as long as the peer takes some of it now and then: over a slow path, what is
/// in front of a close frame may need longer than a peer that reads nothing is waited for.
async fn write_out<S>(wire: &mut SocketIo<S>, pause_max: Duration) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let waiting = wire.batch.bytes();
        match tokio::time::timeout(pause_max, wire.batch.write(&mut wire.stream)).await {
            Ok(done) => return done,
            Err(_) if wire.batch.bytes() < waiting => {}
            Err(late) => return Err(late.into()),
        }
    }
}

/// Reads until the peer's close frame. Closing the socket before could cause a reset, and the peer
/// would lose this server's close frame.
async fn wait_for_close<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut SocketIo<S>) {
    while !wire.reader.has_closed() {
        for heard in wire.heard().await {
            match heard {
                ReadEvent::Lost(_) => return,
                // A close frame may follow a frame that breaks the rules.
                ReadEvent::Broken(_)
                | ReadEvent::Close { .. }
                | ReadEvent::Text(_)
                | ReadEvent::Ping(_)
                | ReadEvent::Pong => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CloseCause, GRACE, WRITE_MAX, say_goodbye};
    use crate::session::SocketIo;
    use crate::session::reader::{ReadEvent, Reader};
    use bytes::Bytes;
    use std::time::Duration;
    use steadfast_protocol::CloseCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    /// A close frame of a client, with a mask of zeros.
    const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xEA];

    /// How long the goodbye takes, in virtual time. The peer sends `before`, and `after` once it
    /// has read the close frame.
    async fn goodbye(before: &[u8], after: &[u8]) -> Duration {
        let (ours, mut peer) = tokio::io::duplex(64 * 1024);
        let mut wire = SocketIo::new(ours, Reader::new(Bytes::new(), 100, 100, false));
        peer.write_all(before).await.unwrap();
        let heard = wire.heard().await;
        let Some(ReadEvent::Broken(error)) = heard.first() else { panic!("{before:?}: {heard:?}") };
        let code = CloseCode(error.close_code());
        let ending = CloseCause::Ours { code, reason: error.to_string().into() };
        let begun = Instant::now();
        let answer = async {
            assert_eq!(peer.read_u8().await.unwrap(), 0x88);
            peer.write_all(after).await.unwrap();
            peer
        };
        let ((), _peer) = tokio::join!(say_goodbye(&mut wire, &ending), answer);
        begun.elapsed()
    }

    /// P-57
    #[tokio::test(start_paused = true)]
    async fn tcp_ends_as_soon_as_both_closes_have_passed_whatever_was_broken() {
        let long = [&[0x81, 0xFE, 0x01, 0x00, 0, 0, 0, 0][..], &[b'x'; 256]].concat();
        let breaches: [&[u8]; 6] = [
            &[0x81, 2, b'{', b'}'],
            &[0xC1, 0x81, 0, 0, 0, 0, b'x'],
            &[0x83, 0x80, 0, 0, 0, 0],
            &[0x82, 0x81, 0, 0, 0, 0, b'x'],
            &[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe],
            &long,
        ];
        for breach in breaches {
            assert_eq!(goodbye(breach, &CLOSE).await, Duration::ZERO, "{breach:?}");
            let both = [breach, &CLOSE].concat();
            assert_eq!(goodbye(&both, &[]).await, Duration::ZERO, "{breach:?}");
            assert_eq!(goodbye(breach, &[0x81, 0x80, 0, 0, 0, 0]).await, GRACE, "{breach:?}");
        }
    }

    /// How long the goodbye to a peer takes that reads `bytes` each second, in virtual time, and
    /// how much of it arrives. 100,000 bytes wait.
    async fn slow_goodbye(bytes: usize) -> (Duration, usize) {
        let (ours, mut peer) = tokio::io::duplex(1000);
        let mut wire = SocketIo::new(ours, Reader::new(Bytes::new(), 100, 100, false));
        wire.batch.push_text(Bytes::from(vec![b'x'; 100_000])).unwrap();
        let ending = CloseCause::Ours { code: CloseCode::NORMAL, reason: "".into() };
        let begun = Instant::now();
        let reading = async {
            let (mut arrived, mut part) = (0, vec![0; bytes]);
            let mut pace = tokio::time::interval(Duration::from_secs(1));
            loop {
                pace.tick().await;
                let mut wanted = bytes;
                while wanted > 0 {
                    match peer.read(&mut part[..wanted]).await {
                        Ok(some) if some > 0 => (arrived, wanted) = (arrived + some, wanted - some),
                        Ok(_) | Err(_) => return arrived,
                    }
                }
            }
        };
        let saying = async {
            say_goodbye(&mut wire, &ending).await;
            drop(wire);
            begun.elapsed()
        };
        tokio::join!(saying, reading)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_goes_on_taking_is_given_all_and_the_close_frame() {
        let (took, arrived) = slow_goodbye(20_000).await;
        assert!(took > GRACE && arrived == 100_000 + 10 + 4, "{took:?}, {arrived} bytes");
        let (took, arrived) = slow_goodbye(5_000).await;
        assert!(took == WRITE_MAX && arrived < 100_000, "{took:?}, {arrived} bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_soon() {
        let (ours, _peer) = tokio::io::duplex(1000);
        let mut wire = SocketIo::new(ours, Reader::new(Bytes::new(), 100, 100, false));
        wire.batch.push_text(Bytes::from(vec![b'x'; 100_000])).unwrap();
        let begun = Instant::now();
        let ending = CloseCause::Ours { code: CloseCode::NORMAL, reason: "".into() };
        say_goodbye(&mut wire, &ending).await;
        assert_eq!(begun.elapsed(), 2 * GRACE, "the first bytes fitted, then none did");
        let begun = Instant::now();
        say_goodbye(&mut wire, &CloseCause::Theirs { code: 1000, reason: "".into() }).await;
        assert_eq!(begun.elapsed(), WRITE_MAX);
    }
}
