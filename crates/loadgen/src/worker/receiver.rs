//! What comes on a link's socket. In: readiness. Out: bytes read into the one buffer, frames
//! counted or answered. A link that is drained keeps nothing.

use std::io;

use mio::event::Event;

use super::Worker;
use super::link::{Link, Phase};
use crate::clock;
use crate::dialect::{Heard, Speaker};
use crate::wire::{self, Frame};

impl Worker {
    /// A link's socket can be written or read.
    pub(super) fn on_ready(&mut self, at: usize, event: &Event) -> Result<(), String> {
        let is_read_closed = event.is_read_closed();
        let Some(link) = self.links.get(at) else { return Err("no such link".into()) };
        match link.phase {
            Phase::Away => {}
            Phase::Dialling => {
                if event.is_writable() || is_read_closed {
                    self.on_dialled(at);
                }
                // A server that refuses may have said so already, and is not announced again.
                if event.is_readable() || is_read_closed {
                    self.listen(at, is_read_closed);
                }
            }
            Phase::Upgrading | Phase::Greeting | Phase::Live => self.listen(at, is_read_closed),
        }
        Ok(())
    }

    fn on_dialled(&mut self, at: usize) {
        let link = &mut self.links[at];
        let Some(stream) = &link.stream else { return };
        let taken = stream.take_error().and_then(|error| error.map_or(Ok(()), Err));
        let connected = taken.and_then(|()| stream.peer_addr());
        match connected {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return,
            Err(error) => return self.on_end(at, reason("no connection", &error), clock::now()),
        }
        let channel = format!("{}{}", self.share.channel_prefix, link.channel);
        let target = &self.share.target;
        let request = wire::request(&target.address.to_string(), &target.path_of(&channel));
        link.phase = Phase::Upgrading;
        if let Err(error) = link.write(&request) {
            self.on_end(at, reason("writing fails", &error), clock::now());
        }
    }

    /// Reads until nothing is left. A read that does not fill the buffer has emptied the socket.
    fn listen(&mut self, at: usize, is_read_closed: bool) {
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            let read = self.links[at].read(&mut buffer);
            let now = clock::now();
            match read {
                Ok(None) => break,
                Ok(Some(0)) => {
                    self.on_end(at, "the server closed the connection".into(), now);
                    break;
                }
                Ok(Some(count)) => {
                    self.count.bytes += count as u64;
                    if let Err(why) = self.take_in(at, &buffer[..count], now) {
                        self.on_end(at, why, now);
                        break;
                    }
                    if count < buffer.len() && !is_read_closed {
                        break;
                    }
                }
                Err(error) => {
                    self.on_end(at, reason("reading fails", &error), now);
                    break;
                }
            }
        }
        self.buffer = buffer;
    }

    /// Takes in bytes behind those that were kept, and keeps what is not whole.
    fn take_in(&mut self, at: usize, bytes: &[u8], now: u64) -> Result<(), String> {
        if self.links[at].rest.is_empty() {
            let used = self.understand(at, bytes, now)?;
            if used < bytes.len() {
                self.links[at].rest = bytes[used..].to_vec();
            }
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.links[at].rest);
        all.extend_from_slice(bytes);
        let used = self.understand(at, &all, now)?;
        if used < all.len() {
            all.drain(..used);
            self.links[at].rest = all;
        }
        Ok(())
    }

    /// Understands whole frames; how many bytes they took.
    fn understand(&mut self, at: usize, bytes: &[u8], now: u64) -> Result<usize, String> {
        let mut used = 0;
        if self.links[at].phase == Phase::Upgrading {
            let head = wire::upgraded(bytes, &self.accept).map_err(|error| error.to_string())?;
            let Some(head) = head else { return Ok(0) };
            used = head;
            self.on_upgraded(at, now)?;
        }
        while used < bytes.len() {
            let next = wire::frame(&bytes[used..]).map_err(|error| error.to_string())?;
            let Some((frame, length)) = next else { break };
            self.on_frame(at, frame, now)?;
            used += length;
        }
        Ok(used)
    }

    fn on_upgraded(&mut self, at: usize, now: u64) -> Result<(), String> {
        let share = &self.share;
        let link = &mut self.links[at];
        link.phase = Phase::Greeting;
        let speaker = Speaker {
            link: &format!("{}{}", share.link_prefix, share.first + at),
            channel: &format!("{}{}", share.channel_prefix, link.channel),
            token: share.target.token.as_deref(),
            heartbeat_ms: share.heartbeat_ms,
        };
        if let Some(text) = share.target.dialect.greeting(&speaker) {
            self.say_text(at, &text)?;
        }
        if self.share.target.dialect.is_live_at_once() {
            self.on_live(at, 0, now);
        }
        Ok(())
    }

    fn on_frame(&mut self, at: usize, frame: Frame<'_>, now: u64) -> Result<(), String> {
        let heard = match frame {
            Frame::Text(text) => self.share.target.dialect.hear(text),
            Frame::Pong => Heard::Other,
            Frame::Ping(payload) => {
                let mut out = Vec::new();
                wire::push_pong(&mut out, payload, self.next_mask());
                return self.links[at].write(&out).map_err(|error| reason("writing fails", &error));
            }
            Frame::Close(code, why) => return Err(closed(code, why)),
        };
        match heard {
            Heard::Event { offset, mark } => {
                let link = &mut self.links[at];
                let is_first = link.tally.count(offset, &mut self.count.faults);
                if let (true, Some(mark)) = (is_first, mark) {
                    self.count.deliver(link.channel, offset, mark, now);
                }
            }
            Heard::Live { offset } => self.on_live(at, offset, now),
            Heard::Answer(text) => return self.say_text(at, &text),
            Heard::Refused(why) => return Err(format!("refused: {why}")),
            Heard::Other => {}
        }
        Ok(())
    }

    fn say_text(&mut self, at: usize, text: &str) -> Result<(), String> {
        let mut out = Vec::new();
        let mask = self.next_mask();
        wire::push_text(&mut out, text, mask);
        let link: &mut Link = &mut self.links[at];
        link.write(&out).map_err(|error| reason("writing fails", &error))
    }
}

/// The system's reason in few words, the same for all links.
fn reason(what: &str, error: &io::Error) -> String {
    format!("{what}: {}", error.kind())
}

fn closed(code: Option<u16>, why: &[u8]) -> String {
    let why = String::from_utf8_lossy(why);
    match code {
        Some(code) if why.is_empty() => format!("closed with {code}"),
        Some(code) => format!("closed with {code} {why}"),
        None => "closed without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{Ipv4Addr, Shutdown, TcpListener};
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::closed;
    use crate::clock;
    use crate::target::Target;
    use crate::worker::link::Phase;
    use crate::worker::opening::Opener;
    use crate::worker::{READ_BYTES, Worker};
    use crate::worker_protocol::{Opening, Share};

    #[test]
    fn an_end_is_said_with_its_code() {
        assert_eq!(closed(Some(4201), b"no token"), "closed with 4201 no token");
        assert_eq!(closed(Some(1000), b""), "closed with 1000");
        assert_eq!(closed(None, b""), "closed without a code");
    }

    fn worker(address: std::net::SocketAddr) -> Worker {
        let url = format!("http://{address}");
        let share = Share {
            target: Target::steadfast(&url, &url).unwrap(),
            first: 0,
            links: 1,
            channels: 1,
            channel_prefix: "a:".into(),
            link_prefix: "bench-link-".into(),
            source: None,
            heartbeat_ms: 25_000,
        };
        let mut worker = Worker::new(Poll::new().unwrap(), share);
        let opening = Opening { at_once: 1, per_second: None, patience: 60 * clock::SECOND };
        worker.opener = Some(Opener::new(opening, 1, clock::now()));
        worker.open_more(clock::now()).unwrap();
        worker
    }

    #[test]
    fn a_server_that_refuses_before_it_was_asked_is_heard() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut worker = worker(listener.local_addr().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 503 Busy\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut events = Events::with_capacity(READ_BYTES / 1024);
        while worker.links[0].phase != Phase::Away {
            worker.poll.poll(&mut events, Some(Duration::from_secs(20))).unwrap();
            assert!(!events.is_empty(), "nothing is announced any more");
            for event in &events {
                worker.on_ready(0, event).unwrap();
            }
        }
        assert_eq!(worker.opener.unwrap().failed()["it answers HTTP/1.1 503 Busy"], 1);
    }
}
