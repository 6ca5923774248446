//! A publication in each session's own encoding: made once for each encoding, then shared.

use bytes::Bytes;
use steadfast_protocol::codec::{legacy, sse};

use crate::outbox::{Outgoing, StreamEvent};
use crate::session::Encoding;
use steadfast_history::Publication;

/// One publication, rendered as it is asked for.
#[derive(Debug)]
pub(crate) struct Rendered<'a> {
    publication: &'a Publication,
    legacy: Option<Bytes>,
    stream: Option<Outgoing>,
}

impl<'a> Rendered<'a> {
    pub(crate) const fn new(publication: &'a Publication) -> Self {
        Self { publication, legacy: None, stream: None }
    }

    /// What sessions that speak `encoding` are sent.
    pub(crate) fn item(&mut self, encoding: Encoding) -> Outgoing {
        let publication = self.publication;
        match encoding {
            Encoding::Frames => Outgoing::Text(publication.encoded.frame().clone()),
            Encoding::Legacy => {
                let text = self.legacy.get_or_insert_with(|| render_legacy(publication));
                Outgoing::Text(text.clone())
            }
            Encoding::Stream => {
                self.stream.get_or_insert_with(|| render_stream(publication)).clone()
            }
            Encoding::Signal => Outgoing::Signal,
        }
    }
}

fn render_legacy(publication: &Publication) -> Bytes {
    let name = publication.channel.as_str();
    let execution = name.split_once(':').map_or(name, |(_, rest)| rest);
    legacy::update(execution, &publication.event, &publication.encoded)
}

fn render_stream(publication: &Publication) -> Outgoing {
    let position = (&publication.epoch, publication.offset);
    let frame = publication.encoded.frame();
    match sse::event_head(position, &publication.event, frame) {
        Some(head) => {
            let frame = frame.clone();
            Outgoing::StreamEvent(StreamEvent { head, frame }.into())
        }
        None => Outgoing::Text(sse::event(position, &publication.event, frame)),
    }
}
