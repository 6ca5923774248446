//! A server without features, as the floor that others stand on: one thread, one poll, one write of
//! a frame that was encoded once for each socket. In: WebSockets at `/sub/CHANNEL`, lines `CHANNEL
//! DATA` on another port. Out: the data, to each socket of the channel. It never reads a frame.

mod outlet;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use anyhow::Context;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use slab::Slab;
use socket2::{Domain, Socket, Type};
use tungstenite::handshake::derive_accept_key;

use outlet::Outlet;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// Readiness that is looked at at once.
const EVENTS_MAX: usize = 1024;
const LINKS: Token = Token(usize::MAX);
const PUBLISHERS: Token = Token(usize::MAX - 1);
/// Tokens of publishers' connections; all below are links.
const PUBLISHER: usize = 1 << 32;

/// When frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Manner {
    /// Each at once, in a write of its own.
    Write,
    /// Those that came together, and those that wait, in one write for each socket.
    Coalesce,
}

/// Serves until it is killed.
pub(crate) fn serve(manner: Manner, links: SocketAddr, publish: SocketAddr) -> anyhow::Result<()> {
    let poll = Poll::new()?;
    let (mut links, mut publishers) = (listen(links)?, listen(publish)?);
    poll.registry().register(&mut links, LINKS, Interest::READABLE)?;
    poll.registry().register(&mut publishers, PUBLISHERS, Interest::READABLE)?;
    let mut floor = Floor {
        manner,
        registry: poll.registry().try_clone()?,
        outlets: Slab::new(),
        publishers: Slab::new(),
        channels: HashMap::new(),
        dirty: Vec::new(),
        buffer: vec![0; 256 * 1024],
    };
    let (mut poll, mut events) = (poll, Events::with_capacity(EVENTS_MAX));
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LINKS => floor.accept_links(&links)?,
                PUBLISHERS => floor.accept_publishers(&publishers)?,
                Token(at) if at >= PUBLISHER => floor.on_publisher(at - PUBLISHER),
                Token(at) => floor.on_link(at, event.is_readable(), event.is_writable()),
            }
        }
        floor.flush_dirty();
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into()).with_context(|| format!("{address} is taken"))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}

struct Floor {
    manner: Manner,
    registry: Registry,
    outlets: Slab<Outlet>,
    publishers: Slab<(TcpStream, Vec<u8>)>,
    channels: HashMap<Box<str>, Vec<usize>>,
    /// Links with frames that wait for the end of this turn.
    dirty: Vec<usize>,
    buffer: Vec<u8>,
}

impl Floor {
    fn accept_links(&mut self, listener: &TcpListener) -> io::Result<()> {
        while let Some(mut stream) = accept(listener)? {
            let entry = self.outlets.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.registry.register(&mut stream, Token(entry.key()), interest)?;
            entry.insert(Outlet::new(stream));
        }
        Ok(())
    }

    fn accept_publishers(&mut self, listener: &TcpListener) -> io::Result<()> {
        while let Some(mut stream) = accept(listener)? {
            let entry = self.publishers.vacant_entry();
            let token = Token(PUBLISHER + entry.key());
            self.registry.register(&mut stream, token, Interest::READABLE)?;
            entry.insert((stream, Vec::new()));
        }
        Ok(())
    }

    fn on_link(&mut self, at: usize, is_readable: bool, is_writable: bool) {
        let Some(outlet) = self.outlets.get_mut(at) else { return };
        if is_writable && outlet.flush().is_err() {
            return self.remove(at);
        }
        if !is_readable {
            return;
        }
        loop {
            match outlet.stream.read(&mut self.buffer) {
                Ok(0) => return self.remove(at),
                Ok(count) if outlet.channel.is_none() => {
                    outlet.request.extend_from_slice(&self.buffer[..count]);
                }
                // What links say is of no interest here.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return self.remove(at),
            }
        }
        if outlet.channel.is_none()
            && let Some((answer, channel)) = upgrade(&outlet.request)
        {
            outlet.request = Vec::new();
            outlet.channel = Some(channel.clone());
            self.channels.entry(channel).or_default().push(at);
            if outlet.stream.write_all(answer.as_bytes()).is_err() {
                self.remove(at);
            }
        }
    }

    fn on_publisher(&mut self, at: usize) {
        loop {
            let Some((stream, inbox)) = self.publishers.get_mut(at) else { return };
            match stream.read(&mut self.buffer) {
                Ok(0) => {
                    self.publishers.remove(at);
                    return;
                }
                Ok(count) => inbox.extend_from_slice(&self.buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.publishers.remove(at);
                    return;
                }
            }
            let mut lines = std::mem::take(inbox);
            let end = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            for line in lines[..end].split(|byte| *byte == b'\n') {
                self.publish(line);
            }
            lines.drain(..end);
            if let Some((_, inbox)) = self.publishers.get_mut(at) {
                *inbox = lines;
            }
        }
    }

    fn publish(&mut self, line: &[u8]) {
        let Some(space) = line.iter().position(|byte| *byte == b' ') else { return };
        let Ok(channel) = std::str::from_utf8(&line[..space]) else { return };
        let Some(members) = self.channels.get(channel) else { return };
        let frame: Rc<[u8]> = frame(&line[space + 1..]).into();
        for at in members {
            let Some(outlet) = self.outlets.get_mut(*at) else { continue };
            match self.manner {
                // A link that is gone is noticed by its own readiness.
                Manner::Write => drop(outlet.write(&frame)),
                Manner::Coalesce => {
                    if outlet.join(&frame) {
                        self.dirty.push(*at);
                    }
                }
            }
        }
    }

    fn flush_dirty(&mut self) {
        for at in std::mem::take(&mut self.dirty) {
            if let Some(outlet) = self.outlets.get_mut(at) {
                drop(outlet.flush());
            }
        }
    }

    fn remove(&mut self, at: usize) {
        let outlet = self.outlets.remove(at);
        let members = outlet.channel.and_then(|channel| self.channels.get_mut(&channel));
        if let Some(members) = members {
            members.retain(|member| *member != at);
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => {
            stream.set_nodelay(true)?;
            Ok(Some(stream))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answer to a whole request, and the channel it asks for.
fn upgrade(request: &[u8]) -> Option<(String, Box<str>)> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    if !parsed.parse(request).ok()?.is_complete() {
        return None;
    }
    let channel = parsed.path?.strip_prefix("/sub/")?.into();
    let is_key =
        |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case("sec-websocket-key");
    let accept = derive_accept_key(parsed.headers.iter().find(is_key)?.value);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Some((answer, channel))
}

/// A text frame of a server.
fn frame(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    match (u8::try_from(data.len()), u16::try_from(data.len())) {
        (Ok(short), _) if short < 126 => out.push(short),
        (_, Ok(middle)) => {
            out.push(126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(127);
            out.extend_from_slice(&(data.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(data);
    out
}

#[cfg(test)]
mod tests {
    use super::{frame, upgrade};

    #[test]
    fn frames_have_the_shortest_header() {
        assert_eq!(frame(b"hi"), [0x81, 2, b'h', b'i']);
        assert_eq!(frame(&[b'x'; 126])[..4], [0x81, 126, 0, 126]);
        assert_eq!(frame(&vec![b'x'; 65_536])[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn a_whole_request_is_answered_with_its_key() {
        let whole = b"GET /sub/a-1 HTTP/1.1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let (answer, channel) = upgrade(whole).unwrap();
        assert_eq!(&*channel, "a-1");
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
        assert!(upgrade(&whole[..40]).is_none());
    }
}
