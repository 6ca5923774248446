//! A publication in each session's own encoding: made once for each encoding, then shared.

use bytes::Bytes;
use steadfast_protocol::codec::{legacy, sse};

use crate::session::Encoding;
use steadfast_history::Publication;

/// One publication, rendered as it is asked for.
#[derive(Debug)]
pub(crate) struct Rendered<'a> {
    publication: &'a Publication,
    legacy: Option<Bytes>,
    stream: Option<Bytes>,
}

impl<'a> Rendered<'a> {
    pub(crate) const fn new(publication: &'a Publication) -> Self {
        Self { publication, legacy: None, stream: None }
    }

    /// The text for sessions that speak `encoding`; empty for those that are only signalled.
    pub(crate) fn text(&mut self, encoding: Encoding) -> Bytes {
        let publication = self.publication;
        match encoding {
            Encoding::Frames => publication.encoded.frame().clone(),
            Encoding::Legacy => {
                self.legacy.get_or_insert_with(|| render_legacy(publication)).clone()
            }
            Encoding::Stream => {
                self.stream.get_or_insert_with(|| render_stream(publication)).clone()
            }
            Encoding::Signal => Bytes::new(),
        }
    }
}

fn render_legacy(publication: &Publication) -> Bytes {
    let name = publication.channel.as_str();
    let execution = name.split_once(':').map_or(name, |(_, rest)| rest);
    legacy::update(execution, &publication.event, &publication.encoded)
}

fn render_stream(publication: &Publication) -> Bytes {
    let position = (&publication.epoch, publication.offset);
    sse::event(position, &publication.event, publication.encoded.frame())
}
