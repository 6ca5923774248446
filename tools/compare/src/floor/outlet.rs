//! One socket of the floor, and what waits for it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::rc::Rc;

use mio::net::TcpStream;

/// Frames that wait for one socket before the rest is dropped: it would be lost, and counted.
const WAITING_MAX: usize = 4096;

/// A socket.
#[derive(Debug)]
pub(super) struct Outlet {
    pub(super) stream: TcpStream,
    pub(super) channel: Option<Box<str>>,
    pub(super) request: Vec<u8>,
    waiting: VecDeque<Rc<[u8]>>,
    /// Bytes of the first waiting frame that are written.
    written: usize,
}

impl Outlet {
    pub(super) fn new(stream: TcpStream) -> Self {
        let (request, waiting) = (Vec::new(), VecDeque::new());
        Self { stream, channel: None, request, waiting, written: 0 }
    }

    /// Writes a frame, or has it wait where others do.
    pub(super) fn write(&mut self, frame: &Rc<[u8]>) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.join(frame);
            return Ok(());
        }
        let written = match self.stream.write(frame) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if written < frame.len() {
            self.waiting.push_back(Rc::clone(frame));
            self.written = written;
        }
        Ok(())
    }

    /// Has a frame wait; whether it is the first that does.
    pub(super) fn join(&mut self, frame: &Rc<[u8]>) -> bool {
        let is_first = self.waiting.is_empty();
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(Rc::clone(frame));
        }
        is_first
    }

    /// Writes all that waits, joined, as far as the socket takes it.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            let joined = self.joined();
            match self.stream.write(&joined) {
                Ok(written) => self.forget(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.waiting = VecDeque::new();
        Ok(())
    }

    fn joined(&self) -> Vec<u8> {
        let frames = self.waiting.iter().enumerate();
        let unwritten = |(at, frame): (usize, &Rc<[u8]>)| {
            let from = if at == 0 { self.written } else { 0 };
            frame[from..].to_vec()
        };
        frames.flat_map(unwritten).collect()
    }

    fn forget(&mut self, mut written: usize) {
        while let Some(first) = self.waiting.front() {
            let left = first.len() - self.written;
            if written < left {
                self.written += written;
                return;
            }
            written -= left;
            self.written = 0;
            self.waiting.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};
    use std::rc::Rc;

    use super::Outlet;

    #[test]
    fn frames_that_wait_are_joined_in_order_and_a_cut_frame_is_finished_first() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = mio::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let mut outlet = Outlet::new(stream);
        let frame = |text: &[u8]| -> Rc<[u8]> { text.into() };
        assert!(outlet.join(&frame(b"abc")));
        assert!(!outlet.join(&frame(b"def")));
        outlet.forget(2);
        assert_eq!(outlet.joined(), b"cdef");
        outlet.flush().unwrap();
        outlet.write(&frame(b"gh")).unwrap();
        let mut read = [0; 6];
        other.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"cdefgh");
    }
}
