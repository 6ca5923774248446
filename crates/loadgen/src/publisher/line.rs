//! One kept connection of a publisher, without waiting. In: bytes to send, readiness. Out: answers
//! with the events they are about, in order.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream as Blocking;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::Due;
use super::answer::Answer;
use crate::error::BenchError;
use crate::target::Target;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Headers of an answer that are looked at.
const HEADERS_MAX: usize = 64;
/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    out: Vec<u8>,
    written: usize,
    inbox: Vec<u8>,
    buffer: Box<[u8]>,
    unanswered: VecDeque<Vec<Due>>,
}

impl Line {
    pub(super) fn open(
        registry: &Registry,
        target: &Target,
        token: usize,
    ) -> Result<Self, BenchError> {
        let address = target.publish_address;
        let stream = Blocking::connect_timeout(&address, CONNECT_TIMEOUT)
            .map_err(|source| BenchError::Unreachable { address, source })?;
        let ready = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
        ready.map_err(BenchError::system("a socket"))?;
        let mut stream = TcpStream::from_std(stream);
        registry
            .register(&mut stream, Token(token), Interest::READABLE | Interest::WRITABLE)
            .map_err(BenchError::system("a socket"))?;
        Ok(Self {
            stream,
            out: Vec::new(),
            written: 0,
            inbox: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            unanswered: VecDeque::new(),
        })
    }

    /// Where to append what is to be sent.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub(super) fn unwritten(&self) -> usize {
        self.out.len() - self.written
    }

    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    /// The next answer will be about these.
    pub(super) fn expect(&mut self, events: Vec<Due>) {
        self.unanswered.push_back(events);
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&mut self) -> Result<(), BenchError> {
        while self.written < self.out.len() {
            match self.stream.write(&self.out[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(&error.to_string())),
            }
        }
        self.out.clear();
        self.written = 0;
        Ok(())
    }

    /// Reads all that has come; whole answers, each with its events.
    pub(super) fn read(&mut self) -> Result<Vec<(Vec<Due>, Answer)>, BenchError> {
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(lost("the server closed it")),
                Ok(count) => self.inbox.extend_from_slice(&self.buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(&error.to_string())),
            }
        }
        let (mut answers, mut used) = (Vec::new(), 0);
        while let Some((answer, length)) = answer(&self.inbox[used..]).map_err(|why| lost(&why))? {
            used += length;
            let Some(events) = self.unanswered.pop_front() else {
                return Err(lost("it answers what nobody asked"));
            };
            answers.push((events, answer));
        }
        self.inbox.drain(..used);
        Ok(answers)
    }
}

fn lost(why: &str) -> BenchError {
    BenchError::Publish(format!("a publisher's connection is lost: {why}"))
}

/// The first whole answer of `bytes`, and its length.
fn answer(bytes: &[u8]) -> Result<Option<(Answer, usize)>, String> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(|error| format!("no HTTP: {error}"))?;
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    let value = |name: &str| {
        let header = response.headers.iter().find(|one| one.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    let length = match value("content-length") {
        Some(text) => text.parse::<usize>().map_err(|error| error.to_string())?,
        None if value("transfer-encoding").is_some() => return Err("an answer in chunks".into()),
        None => 0,
    };
    if length > ANSWER_BYTES_MAX {
        return Err(format!("an answer of {length} bytes, at most {ANSWER_BYTES_MAX} are read"));
    }
    let Some(body) = bytes.get(head..head + length) else { return Ok(None) };
    let status = response.code.unwrap_or_default();
    Ok(Some((Answer { status, body: body.to_vec() }, head + length)))
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn answers_are_taken_one_by_one_and_only_when_whole() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 No\r\n\r\n";
        let (first, used) = answer(bytes).unwrap().unwrap();
        assert_eq!((first.status, &first.body[..]), (201, &b"ok"[..]));
        assert_eq!(answer(&bytes[used..]).unwrap().unwrap().0.status, 204);
        for cut in 0..used {
            assert_eq!(answer(&bytes[..cut]).unwrap(), None, "{cut}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for bad in [
            "nonsense\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 4194305\r\n\r\n",
        ] {
            assert!(answer(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
