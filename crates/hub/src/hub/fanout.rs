//! A publication to every member of its channel: one rendering, shared.
//! A member whose session has no room, or that misses an earlier publication, falls behind.

use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::codec::json;
use steadfast_protocol::codec::sse;
use steadfast_protocol::{ChannelName, Position, ServerFrame};

use super::{Hub, Output};
use crate::member::{DeliveryState, Member};
use crate::render::Rendered;
use crate::session::Session;
use crate::{Encoding, HubConfig, Outgoing, SessionKey};
use steadfast_history::Publication;

/// What a publication does to one member.
enum MemberStep {
    /// It is the next one and there is room.
    Deliver,
    /// It came before, or history will bring it.
    Skip,
    /// It cannot be delivered now: history will bring it.
    FallBehind,
}

impl Hub {
    /// Hands a publication to the sessions that follow its channel.
    pub fn publication(&mut self, now: Millis, publication: &Publication) {
        let Some(&at) = self.names.get(&publication.channel) else { return };
        let Self { sessions, channels, config, outputs, totals, deadlines, .. } = self;
        let Some(channel) = channels.get_mut(at as usize) else { return };
        channel.head = Some((publication.epoch.clone(), publication.offset));
        channel.seen += 1;
        let mut rendered = Rendered::new(publication);
        let mut ended = Vec::new();
        for member in &mut channel.members {
            let key = member.session;
            let session = sessions.get_mut(key.index as usize).filter(|s| s.key == key);
            let Some(session) = session else { continue };
            let was_idle = session.outbox.is_empty();
            match step(member, session, publication, config) {
                MemberStep::Skip => continue,
                MemberStep::FallBehind => {
                    member.stage = DeliveryState::Behind;
                    session.behind.push_back(at);
                    totals.lagged += 1;
                    session.note_behind(now, config.timeline_entries_max, totals);
                }
                MemberStep::Deliver => {
                    deliver(now, member, session, rendered.item(session.encoding), publication);
                    totals.deliveries += 1;
                    if publication.is_final {
                        ended.push(key);
                    }
                }
            }
            if !session.is_flagged {
                session.is_flagged = true;
                outputs.push_back(Output::Ready(key));
            }
            if was_idle && let Some(deadline) = session.deadline(config) {
                deadlines.arm(key, &mut session.armed, deadline);
            }
        }
        for key in ended {
            self.finish(now, key, at);
        }
    }

    /// A channel's history is gone: its members ask anew, and are told of the gap.
    pub fn forgotten(&mut self, name: &ChannelName) {
        let Some(&at) = self.names.get(name) else { return };
        let Some(channel) = self.channels.get_mut(at as usize) else { return };
        channel.head = None;
        channel.seen += 1;
        let mut behind = Vec::new();
        for member in &mut channel.members {
            if member.stage == DeliveryState::Live {
                member.stage = DeliveryState::Behind;
                behind.push(member.session);
            }
        }
        for key in behind {
            if let Some(session) = self.session(key) {
                session.behind.push_back(at);
            }
            self.flag(key);
        }
    }

    /// The broker says where a channel stands: after it was away, or when announcements may have
    /// been lost. Members that are elsewhere read on from where they are, all others notice
    /// nothing.
    pub fn recheck(&mut self, name: &ChannelName, head: &Position) {
        let Some(&at) = self.names.get(name) else { return };
        let Some(channel) = self.channels.get_mut(at as usize) else { return };
        let is_older = channel
            .head
            .as_ref()
            .is_some_and(|(epoch, offset)| *epoch == head.epoch && *offset > head.offset);
        if !is_older {
            channel.head = Some((head.epoch.clone(), head.offset));
        }
        channel.seen += 1;
        let mut behind = Vec::new();
        for member in &mut channel.members {
            let is_there = |at: &Position| at.epoch == head.epoch && at.offset >= head.offset;
            let has_to_read = match member.stage {
                DeliveryState::Live => !member.at.as_ref().is_some_and(is_there),
                DeliveryState::Waiting => true,
                DeliveryState::Behind | DeliveryState::Reading { .. } => false,
            };
            if has_to_read {
                member.stage = DeliveryState::Behind;
                behind.push(member.session);
            }
        }
        for key in behind {
            if let Some(session) = self.session(key) {
                session.behind.push_back(at);
            }
            self.flag(key);
        }
    }

    /// The session has had the channel's last event.
    pub(super) fn finish(&mut self, now: Millis, key: SessionKey, at: u32) {
        let Some(channel) = self.channels.get(at as usize).map(|c| c.name.clone()) else { return };
        self.leave(key, at);
        let Some(session) = self.session(key) else { return };
        let is_over = session.encoding == Encoding::Stream && session.channels.is_empty();
        let text = json::encode_server(&ServerFrame::Finished { channel });
        let text = match session.encoding {
            Encoding::Frames => text.into(),
            Encoding::Stream => sse::notice("finished", text.as_bytes()),
            Encoding::Legacy | Encoding::Signal => return,
        };
        self.put(now, key, Outgoing::Text(text));
        if is_over {
            let code = steadfast_protocol::CloseCode::NORMAL;
            self.put(now, key, Outgoing::Close { code, reason: "finished".into() });
        }
    }
}

fn step(
    member: &Member,
    session: &Session,
    publication: &Publication,
    config: &HubConfig,
) -> MemberStep {
    if member.stage != DeliveryState::Live || session.closing.is_some() {
        return MemberStep::Skip;
    }
    let Some(at) = &member.at else { return MemberStep::Skip };
    if session.encoding == Encoding::Signal {
        return MemberStep::Deliver;
    }
    let is_same_epoch = at.epoch == publication.epoch;
    if is_same_epoch && publication.offset <= at.offset {
        return MemberStep::Skip;
    }
    let is_next = is_same_epoch && publication.offset == at.offset + 1;
    let len = publication.encoded.len();
    let (messages_max, bytes_max) = (config.queue_messages_max, config.queue_bytes_max);
    if is_next && session.outbox.has_room(len, messages_max, bytes_max) {
        MemberStep::Deliver
    } else {
        MemberStep::FallBehind
    }
}

fn deliver(
    now: Millis,
    member: &mut Member,
    session: &mut Session,
    item: Outgoing,
    publication: &Publication,
) {
    if session.encoding == Encoding::Signal {
        session.outbox.push_once(now, item);
        return;
    }
    if let Some(at) = &mut member.at {
        at.offset = publication.offset;
    }
    session.counts.events += 1;
    session.outbox.push(now, item);
}
