//! One TCP socket with two users: the session's task, which reads and writes it as a stream, and
//! the shard, which writes to it without waiting. The shard's state records which of them may
//! write.

use std::fmt;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// Writes without waiting.
pub trait TryWrite: fmt::Debug + Send + Sync {
    /// Writes what the socket accepts now. Returns how many bytes that were.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl TryWrite for TcpStream {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }
}

/// A socket that the shard may write to as well.
#[derive(Clone, Debug)]
pub struct Shared(pub Arc<TcpStream>);

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Shared {
    /// Reads. If that emptied the socket, the runtime waits for readiness without another system
    /// call: the system reports what arrives later.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        let outcome = self.0.try_io(Interest::READABLE, || {
            read = (&*SockRef::from(&*self.0)).read(buffer)?;
            if cfg!(target_os = "linux") && 0 < read && read < buffer.len() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        if read > 0 { Ok(read) } else { outcome.map(|()| 0) }
    }

    fn poll_try<F>(&self, context: &mut Context<'_>, mut attempt: F) -> Poll<io::Result<usize>>
    where
        F: FnMut(&TcpStream) -> io::Result<usize>,
    {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match attempt(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_try(context, |socket| socket.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_try(context, |socket| socket.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A TCP socket buffers nothing itself.
    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (Shared, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Shared(Arc::new(listener.accept().await.unwrap().0)), peer)
    }

    #[tokio::test]
    async fn bytes_that_come_after_the_socket_was_emptied_are_read() {
        let (mut shared, mut peer) = pair().await;
        let mut buffer = [0; 64];
        for round in 0..200_u8 {
            peer.write_all(&[round; 3]).await.unwrap();
            let mut left = 3;
            while left > 0 {
                let read = shared.read(&mut buffer).await.unwrap();
                assert!(read > 0 && buffer[..read].iter().all(|byte| *byte == round));
                left -= read;
            }
        }
    }

    #[tokio::test]
    async fn an_end_that_comes_with_the_last_bytes_is_seen() {
        let (mut shared, mut peer) = pair().await;
        peer.write_all(b"bye").await.unwrap();
        peer.shutdown().await.unwrap();
        let mut all = Vec::new();
        shared.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"bye");
        // The other way is still open.
        shared.write_all(b"you too").await.unwrap();
        shared.shutdown().await.unwrap();
        all.clear();
        peer.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"you too");
    }
}
