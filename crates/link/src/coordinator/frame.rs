//! What the server says on a session. In: its frames. Out: events and other notices for the app,
//! answers for the server, and another request where something is missing.

use alloc::string::String;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{
    ChannelName, ClientFrame, ErrorFrame, GoAway, Scalar, ServerFrame, Subscribed,
};

use super::Link;
use crate::backoff::{fit, jittered};
use crate::connector::attempt::SocketStage;
use crate::end::End;
use crate::subscriptions::{Continuity, Subscription, read_number};
use crate::{Notice, Output, Reason, SocketId};

/// The pause before a channel is asked for again that the server could not serve.
const AGAIN_AFTER: Span = Span::seconds(5);
/// The longest that a server may put off a leave it asks for.
const LEAVE_MAX: Span = Span::seconds(3600);

impl Link {
    pub(super) fn on_socket_frame(&mut self, now: Millis, socket: SocketId, frame: ServerFrame) {
        match self.stage(socket) {
            Some(SocketStage::Handshake) => {
                // The session begins with its welcome; nothing before it counts.
                if let ServerFrame::Welcome(welcome) = frame {
                    self.on_welcome(now, socket, &welcome);
                }
            }
            Some(SocketStage::Welcomed) => {
                self.health.on_activity(now);
                self.on_session_frame(now, socket, frame);
            }
            Some(SocketStage::Opening) | None => {}
        }
    }

    pub(super) fn on_socket_alive(&mut self, now: Millis, socket: SocketId) {
        match self.stage(socket) {
            Some(SocketStage::Welcomed) => self.health.on_activity(now),
            Some(SocketStage::Opening | SocketStage::Handshake) | None => {}
        }
    }

    fn on_session_frame(&mut self, now: Millis, socket: SocketId, frame: ServerFrame) {
        match frame {
            ServerFrame::Subscribed(frame) => self.on_subscribed(now, &frame),
            ServerFrame::Event(event) => {
                let channel = event.channel.clone();
                self.measure_delivery(now, &event);
                self.deliver_in_order(now, &channel, |one, tell| one.on_event(event, tell));
            }
            ServerFrame::Superseded(frame) => {
                self.deliver_in_order(now, &frame.channel, |one, _| one.on_superseded(&frame));
            }
            ServerFrame::Finished { channel } => self.on_finished(now, &channel),
            ServerFrame::HeartbeatAck { id, server_time, .. } => {
                self.on_heartbeat_ack(now, id.as_ref(), &server_time);
            }
            ServerFrame::Ping { id } => self.send(socket, ClientFrame::Pong { id }),
            ServerFrame::GoAway(frame) => self.on_go_away(now, frame),
            ServerFrame::Error(frame) => self.on_error(now, frame),
            ServerFrame::Published { id, epoch, offset, .. } => {
                self.on_published(id.as_ref(), epoch, offset);
            }
            ServerFrame::Refreshed { id, expires_in_ms } => {
                self.on_refreshed(now, id.as_ref(), expires_in_ms);
            }
            ServerFrame::Welcome(_) | ServerFrame::Pong { .. } => {}
        }
    }

    fn on_subscribed(&mut self, now: Millis, frame: &Subscribed) {
        if self.subscriptions.find(&frame.channel).is_none() {
            if frame.id.is_none() {
                // Left after `hello` had asked for it.
                self.say_unsubscribe(now, frame.channel.clone());
            }
            return;
        }
        let id = frame.id.as_ref().and_then(read_number);
        self.deliver_in_order(now, &frame.channel, |one, tell| one.on_subscribed(frame, id, tell));
        self.return_if_proven(now);
    }

    /// Hands a frame to its channel. Where something is missing, nothing of it was told: the
    /// channel is asked for again from the app's position, and if that does not mend it, the
    /// session is given up.
    fn deliver_in_order<F>(&mut self, now: Millis, channel: &ChannelName, take: F)
    where
        F: FnOnce(&mut Subscription, &mut dyn FnMut(Notice)) -> Continuity,
    {
        let Some(subscription) = self.subscriptions.find_mut(channel) else { return };
        let out = &mut self.out;
        match take(subscription, &mut |notice| out.push_back(Output::Tell(notice))) {
            Continuity::Kept => {}
            Continuity::Broken => {
                let id = subscription.id;
                self.resubscribe(now, id);
            }
        }
    }

    /// Asks again for a channel whose pause is over, or whose request was not answered.
    pub(super) fn ask_again(&mut self, now: Millis, id: u32) {
        let Some(subscription) = self.subscriptions.by_id_mut(id) else { return };
        if subscription.is_requested() {
            self.resubscribe(now, id);
        } else if subscription.retry_at().is_some() {
            self.subscribe(now, id, false);
        }
    }

    fn resubscribe(&mut self, now: Millis, id: u32) {
        let Some(subscription) = self.subscriptions.by_id_mut(id) else { return };
        if subscription.try_resubscribe() {
            self.subscribe(now, id, true);
        } else {
            self.on_session_end(now, End::Unrecoverable);
        }
    }

    fn on_finished(&mut self, now: Millis, channel: &ChannelName) {
        let Some(subscription) = self.subscriptions.find(channel) else { return };
        if subscription.is_followed() {
            let id = subscription.id;
            self.finish(now, id, channel.clone());
        }
    }

    /// A channel has ended, and its app has all of it.
    pub(super) fn finish(&mut self, now: Millis, id: u32, channel: ChannelName) {
        self.tell(Notice::Finished { channel });
        self.leave(id);
        if self.subscriptions.on_finished() {
            self.rest_if_finished(now);
        }
        self.return_if_proven(now);
    }

    fn on_heartbeat_ack(&mut self, now: Millis, id: Option<&Scalar>, server_time: &str) {
        if let Some(rtt) = self.health.on_heartbeat_ack(now, id, server_time) {
            self.record.answer(rtt);
            self.on_answered(now);
        }
    }

    fn on_go_away(&mut self, now: Millis, frame: GoAway) {
        let spread =
            Span(u64::from(self.rng.between(0, fit(Span(frame.spread_ms).min(LEAVE_MAX)))));
        if self.health.session().is_none() {
            return;
        }
        self.health.on_go_away(now + Span(frame.after_ms).min(LEAVE_MAX) + spread);
        self.connector.endpoints.send_to(frame.to);
    }

    fn on_error(&mut self, now: Millis, frame: ErrorFrame) {
        if self.on_publish_error(now, &frame) || self.on_refresh_error(now, frame.id.as_ref()) {
            return;
        }
        let concerned = match (&frame.id, &frame.channel) {
            (Some(id), _) => self.subscriptions.by_request(id),
            (None, Some(channel)) => self.subscriptions.find(channel),
            (None, None) => None,
        };
        let Some(subscription) = concerned else { return };
        let (id, channel) = (subscription.id, subscription.channel.clone());
        if frame.retry {
            self.ask_again_later(now, id);
        } else {
            self.refuse(now, id, channel, &frame.code, String::from(frame.message));
        }
    }

    /// The server will not serve a channel.
    pub(super) fn refuse(
        &mut self,
        now: Millis,
        id: u32,
        channel: ChannelName,
        code: &str,
        message: String,
    ) {
        self.tell(Notice::Refused { channel, code: code.into(), message });
        self.leave(id);
        if self.subscriptions.is_empty() {
            self.rest(now, Reason::Rejected);
        } else {
            self.return_if_proven(now);
        }
    }

    fn ask_again_later(&mut self, now: Millis, id: u32) {
        let Some(subscription) = self.subscriptions.by_id_mut(id) else { return };
        // Else it goes on being followed, or waits for its turn already.
        if subscription.is_requested() {
            let pause = jittered(AGAIN_AFTER, self.config.jitter_percent, &mut self.rng);
            subscription.retry_later(now + pause);
        }
    }

    /// The newest heartbeat was answered. Where the warm path has not been measured for long,
    /// another one follows: only now is the path sure to be warm.
    pub(super) fn on_answered(&mut self, now: Millis) {
        self.connector.record_success();
        self.clear_session_doubt();
        self.return_if_proven(now);
        if self.health.wants_echo(now)
            && let Some(frame) = self.health.echo(now, &self.config)
        {
            self.send_timed(now, frame);
        }
    }
}
