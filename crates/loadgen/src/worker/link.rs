//! One link: its socket, how far it has come, what it got. It keeps bytes only while a frame is
//! half here.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

use crate::delivery_check::DeliveryCheck;

/// How far a link has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not begun, or ended.
    #[default]
    Away,
    /// The connection is on its way.
    Dialling,
    /// The upgrade is not answered yet.
    Upgrading,
    /// The channel is not followed yet.
    Greeting,
    /// The channel is followed.
    Live,
}

/// A link.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) stream: Option<TcpStream>,
    pub(super) phase: Phase,
    /// When it was begun.
    pub(super) begun_at: u64,
    /// The channel it follows, by number.
    pub(super) channel: usize,
    pub(super) tally: DeliveryCheck,
    /// The offset that is counted from; none while it never was live.
    base: Option<u64>,
    /// What came of a frame that is not whole.
    pub(super) rest: Vec<u8>,
}

impl Link {
    /// Follows its channel behind `offset`.
    pub(super) fn enter_live(&mut self, offset: u64) {
        self.phase = Phase::Live;
        self.tally = DeliveryCheck::behind(offset);
        self.base = Some(offset);
    }

    /// The socket is gone, and so is what was kept for it.
    pub(super) fn enter_away(&mut self) {
        self.phase = Phase::Away;
        self.stream = None;
        self.rest = Vec::new();
    }

    /// Counts from here on.
    pub(super) fn measure(&mut self) {
        if self.phase != Phase::Live {
            self.base = None;
            return;
        }
        let reached = self.tally.next().saturating_sub(1);
        self.tally = DeliveryCheck::behind(reached);
        self.base = Some(reached);
    }

    /// How many of so many events since then never came.
    pub(super) fn lost(&self, events: u64) -> u64 {
        self.base.map_or(0, |base| self.tally.lost(base + events))
    }

    /// Reads once; nothing where nothing has come.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        loop {
            match stream.read(buffer) {
                Ok(count) => return Ok(Some(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes little: a server that does not even take that is not reading at all.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Some(stream) if !bytes.is_empty() => stream.write_all(bytes),
            Some(_) | None => Ok(()),
        }
    }

    /// Writes what nobody needs to have got.
    pub(super) fn write_last(&mut self, bytes: &[u8]) {
        if self.phase == Phase::Live || self.phase == Phase::Greeting {
            let _ = self.write(bytes);
        }
    }
}
