//! What clients say. In: decoded frames, or why they could not be decoded.
//! Out: answers in the session's outbox, and publishes for the broker.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::codec::legacy::{self, LegacyFrame};
use steadfast_protocol::{
    ChannelName, ChannelRequest, ClientFrame, CloseCode, DecodeError, ErrorCode, ErrorFrame,
    Heartbeat, PublishFrame, Scalar, ServerFrame, Timestamp, Token, UserId,
};

use super::Hub;
use crate::SessionKey;
use crate::member::{Member, PendingSubscribe};
use crate::session::Liveness;
use steadfast_history::{Publish, PublishError, Receipt, Refusal};

/// What a frame asks of others than the hub.
#[derive(Debug)]
pub enum FrameRequest {
    /// An event for the broker, whose answer goes to [`Hub::published`].
    Publish {
        /// The frame's.
        id: Option<Scalar>,
        /// The event.
        publish: Publish,
    },
    /// A token to be checked; what it says goes to [`Hub::refreshed`].
    Refresh {
        /// The frame's.
        id: Option<Scalar>,
        /// The token.
        token: Token,
    },
}

impl Hub {
    /// One message came, of `bytes` bytes. What is returned is for others than the hub.
    pub fn frame(
        &mut self,
        now: Millis,
        time: Timestamp,
        key: SessionKey,
        bytes: usize,
        frame: Result<ClientFrame, DecodeError>,
    ) -> Option<FrameRequest> {
        if !self.count(now, key, bytes) {
            return None;
        }
        match frame {
            Ok(ClientFrame::Hello(_)) => {
                self.bad(now, key, &misplaced_hello());
            }
            Ok(ClientFrame::Subscribe(request)) => self.subscribe(now, key, request),
            Ok(ClientFrame::Unsubscribe { id, channel }) => {
                self.unsubscribe(now, key, id, &channel);
            }
            Ok(ClientFrame::Publish(publish)) => return self.publish(now, key, bytes, *publish),
            Ok(ClientFrame::Refresh { id, token }) => return self.refresh(now, key, id, token),
            Ok(ClientFrame::Heartbeat(heartbeat)) => self.heartbeat(now, time, key, heartbeat),
            Ok(ClientFrame::Ping { id }) => self.say(now, key, &ServerFrame::Pong { id }),
            Ok(ClientFrame::Pong { .. }) => {}
            Err(error) => self.bad(now, key, &error),
        }
        None
    }

    /// One message of the older protocol came, of `bytes` bytes.
    pub fn legacy_frame(
        &mut self,
        now: Millis,
        time: Timestamp,
        key: SessionKey,
        bytes: usize,
        frame: LegacyFrame,
    ) {
        if !self.count(now, key, bytes) {
            return;
        }
        let answer = match frame {
            LegacyFrame::Heartbeat { timestamp } => legacy::heartbeat_ack(timestamp, time),
            LegacyFrame::Ping => legacy::pong(time),
            LegacyFrame::ConnectionAck | LegacyFrame::Pong | LegacyFrame::Ignored => return,
        };
        self.answer(now, key, answer.into());
    }

    /// The transport's own ping or pong came, with `bytes` bytes. It is counted, against the rate
    /// of frames too, and no sign of life: a library sends it for an app that is frozen, or gone
    /// from the screen. False where the session has ended or is sent too much. P-47, P-69
    pub fn transport_frame(&mut self, now: Millis, key: SessionKey, bytes: usize) -> bool {
        let Some(session) = self.session(key) else { return false };
        session.counts.bytes_received += bytes as u64;
        self.keeps_to_rate(now, key)
    }

    /// The broker's answer to a publish of this session.
    pub fn published(
        &mut self,
        now: Millis,
        key: SessionKey,
        id: Option<Scalar>,
        result: Result<Receipt, PublishError>,
    ) {
        let frame = match result {
            Ok(Receipt { epoch, offset, is_repeat: repeated }) => {
                ServerFrame::Published { id, epoch, offset, repeated }
            }
            Err(error) => {
                let Refusal { code, retry_after_s } = error.refusal();
                ServerFrame::Error(ErrorFrame {
                    id,
                    channel: None,
                    code: code.as_str().into(),
                    message: error.to_string().into(),
                    retry: retry_after_s.is_some(),
                    retry_after_ms: retry_after_s.map(|s| u64::from(s) * 1000),
                })
            }
        };
        self.say(now, key, &frame);
    }

    pub(super) fn subscribe(&mut self, now: Millis, key: SessionKey, request: ChannelRequest) {
        let ChannelRequest { id, channel, since } = request;
        let max = self.config.limits.channels_max;
        let at = self.names.get(&channel).copied();
        let Some(session) = self.session(key) else { return };
        let is_member = at.is_some_and(|at| session.channels.contains(&at));
        if !session.grants.may_subscribe(&channel) {
            let message = "the token does not permit following this channel";
            let frame = error_frame(id, Some(channel), ErrorCode::Forbidden, message);
            return self.say(now, key, &frame);
        }
        if !is_member && session.channels.len() >= max {
            let message = format!("a link follows at most {max} channels; leave one first");
            let frame = error_frame(id, Some(channel), ErrorCode::TooManyChannels, &message);
            return self.say(now, key, &frame);
        }
        let at = at.unwrap_or_else(|| self.add_channel(channel));
        if let Some(entry) = self.channels.get_mut(at as usize) {
            entry.insert(Member::joining(key, PendingSubscribe { id, since }));
        }
        let Some(session) = self.session(key) else { return };
        if !is_member {
            session.channels.push(at);
        }
        // A page on its way for the earlier subscription no longer fits.
        if session.reading.is_some_and(|(channel, _)| channel == at) {
            session.reading = None;
        }
        if !session.behind.contains(&at) {
            session.behind.push_back(at);
        }
        self.flag(key);
    }

    fn unsubscribe(
        &mut self,
        now: Millis,
        key: SessionKey,
        id: Option<Scalar>,
        channel: &ChannelName,
    ) {
        let at = self.names.get(channel).copied();
        let followed =
            at.filter(|at| self.peek(key).is_some_and(|session| session.channels.contains(at)));
        if let Some(at) = followed {
            self.leave(key, at);
        } else {
            let (code, message) = (ErrorCode::NotSubscribed, "this link does not follow it");
            let frame = error_frame(id, Some(channel.clone()), code, message);
            self.say(now, key, &frame);
        }
    }

    /// Takes one channel off a session.
    pub(super) fn leave(&mut self, key: SessionKey, at: u32) {
        if let Some(session) = self.session(key) {
            session.channels.retain(|&channel| channel != at);
            session.behind.retain(|&channel| channel != at);
            if session.reading.is_some_and(|(channel, _)| channel == at) {
                session.reading = None;
            }
        }
        self.leave_channel(key, at);
    }

    fn add_channel(&mut self, name: ChannelName) -> u32 {
        let at = self.channels.insert(crate::member::ChannelMembers::new(name.clone()));
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.names.insert(name, at);
        at
    }

    fn publish(
        &mut self,
        now: Millis,
        key: SessionKey,
        bytes: usize,
        frame: PublishFrame,
    ) -> Option<FrameRequest> {
        let PublishFrame { id, channel, event, data, is_final, replace, idempotency_key } = frame;
        let session = self.peek(key)?;
        if !session.grants.may_publish(&channel) {
            let message = "the token does not permit publishing to this channel";
            let frame = error_frame(id, Some(channel), ErrorCode::Forbidden, message);
            self.say(now, key, &frame);
            return None;
        }
        if let Some(wait) = self.publishes_too_fast(now, key, bytes) {
            self.totals.throttled += 1;
            let second = self.config.publish_bytes_per_second_max;
            let message = format!(
                "this session publishes more than {second} bytes a second; send the same again \
                 in {} ms",
                wait.0
            );
            let (code, message) = (ErrorCode::RateLimited.as_str().into(), message.into());
            let (retry, retry_after_ms) = (true, Some(wait.0));
            let frame =
                ErrorFrame { id, channel: Some(channel), code, message, retry, retry_after_ms };
            self.say(now, key, &ServerFrame::Error(frame));
            return None;
        }
        let session = self.peek(key)?;
        // Keys of one link never meet those of another, nor those of backends: none of the parts
        // has a control character.
        let (user, link) = (session.user().map_or("", UserId::as_str), &session.link);
        let idempotency_key =
            idempotency_key.map(|key| Box::from(format!("{user}\u{1f}{link}\u{1f}{key}")));
        let publish = Publish { channel, event, data, is_final, replace, idempotency_key };
        Some(FrameRequest::Publish { id, publish })
    }

    /// How long a frame of so many bytes would have to wait to be published.
    fn publishes_too_fast(&mut self, now: Millis, key: SessionKey, bytes: usize) -> Option<Span> {
        let limits =
            (self.config.publish_bytes_per_second_max, self.config.publish_bytes_burst_max);
        let session = self.session(key)?;
        session.publish_rate.take(now, bytes, limits).err()
    }

    fn heartbeat(&mut self, now: Millis, time: Timestamp, key: SessionKey, beat: Heartbeat) {
        let (min, max) = (self.config.heartbeat_min.0, self.config.heartbeat_max.0);
        let Some(session) = self.session(key) else { return };
        if let Liveness::Agreed { terms, expect_ms, .. } = &mut session.life {
            let most = max.saturating_sub(terms.timeout).max(min);
            *expect_ms = beat.next_ms.unwrap_or(terms.interval).clamp(min, most);
        }
        if let Some(stats) = beat.stats {
            self.report(now, key, stats);
        }
        let server_time = time.to_string();
        let timestamp = beat.timestamp.unwrap_or_else(|| Scalar::text(&server_time));
        let server_time = server_time.into();
        let ack = ServerFrame::HeartbeatAck { id: beat.id, timestamp, server_time };
        self.say(now, key, &ack);
        self.arm(key);
    }

    /// Counts a message; false where the session has ended or speaks too fast.
    fn count(&mut self, now: Millis, key: SessionKey, bytes: usize) -> bool {
        let Some(session) = self.session(key) else { return false };
        if session.closing.is_some() {
            return false;
        }
        session.hear(now);
        session.counts.messages += 1;
        session.counts.bytes_received += bytes as u64;
        self.keeps_to_rate(now, key)
    }

    fn keeps_to_rate(&mut self, now: Millis, key: SessionKey) -> bool {
        let (second, burst) = (self.config.frames_per_second_max, self.config.frames_burst_max);
        let Some(session) = self.session(key) else { return false };
        if session.closing.is_some() {
            return false;
        }
        if session.rate.take(now, 1, (second, burst)).is_ok() {
            return true;
        }
        let reason = format!("more than {second} frames a second");
        self.close(now, key, CloseCode::RATE_LIMITED, &reason);
        false
    }

    fn bad(&mut self, now: Millis, key: SessionKey, error: &DecodeError) {
        let max = self.config.bad_frames_max;
        let Some(session) = self.session(key) else { return };
        session.counts.bad_frames += 1;
        if session.counts.bad_frames > max {
            let reason = format!("more than {max} frames that cannot be read");
            return self.close(now, key, CloseCode::VIOLATION, &reason);
        }
        let (id, channel) = (error.id.clone(), error.channel.clone());
        let frame = error_frame(id, channel, error.code, &error.message);
        self.say(now, key, &frame);
    }
}

fn misplaced_hello() -> DecodeError {
    DecodeError {
        code: ErrorCode::BadFrame,
        message: "`hello` is the first frame of a session and comes once".into(),
        id: None,
        channel: None,
    }
}

pub(super) fn error_frame(
    id: Option<Scalar>,
    channel: Option<ChannelName>,
    code: ErrorCode,
    message: &str,
) -> ServerFrame {
    let retry = code.is_retryable();
    let code = code.as_str().into();
    let message = message.into();
    ServerFrame::Error(ErrorFrame { id, channel, code, message, retry, retry_after_ms: None })
}
