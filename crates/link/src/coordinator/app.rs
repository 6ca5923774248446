//! What the app asks: up, down, this channel, that token. In: its wishes. Out: what follows.

use alloc::boxed::Box;
use alloc::format;

use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, ClientFrame, ErrorCode, Scalar, Since, Token};

use super::Link;
use crate::phase::Phase;
use crate::subscriptions::Added;
use crate::{Notice, Output, Reason};

impl Link {
    pub(super) fn on_connect(&mut self, now: Millis) {
        match self.phase {
            Phase::Resting => {
                self.has_connected = false;
                if self.is_online {
                    self.connector.wait(self.connector.time_when_asked(now, &self.config));
                    self.connector.connect(now);
                    self.enter_connecting(now, Reason::Asked);
                    self.fall_back_if_wanted(now);
                } else {
                    self.enter_offline(now);
                }
            }
            Phase::Offline | Phase::Trying(_) | Phase::Live(_) | Phase::Polling => {}
        }
    }

    /// An attempt that waits for its time need not wait any longer than it must.
    pub(super) fn on_retry(&mut self, now: Millis) {
        self.connector.hasten(now, &self.config);
        self.credential.expedite(now);
    }

    pub(super) fn on_subscribe(&mut self, now: Millis, channel: ChannelName, since: Since) {
        let id = match self.subscriptions.add(channel.clone(), since) {
            Added::New(id) => id,
            Added::Known => return,
            Added::Full => {
                let code = Box::from(ErrorCode::TooManyChannels.as_str());
                let max = self.config.channels_max;
                let message = format!("a link follows at most {max} channels; leave one first");
                return self.tell(Notice::Refused { channel, code, message });
            }
        };
        if self.phase == Phase::Polling {
            self.poller.add(id, now);
        }
        self.subscribe(now, id, false);
        self.fall_back_if_wanted(now);
    }

    pub(super) fn on_unsubscribe(&mut self, now: Millis, channel: &ChannelName) {
        let Some(subscription) = self.subscriptions.find(channel) else { return };
        let is_known_to_server = subscription.is_requested() || subscription.is_followed();
        let id = subscription.id;
        self.leave(id);
        if is_known_to_server {
            self.say_unsubscribe(now, channel.clone());
        }
        self.return_if_proven(now);
    }

    pub(super) fn on_token(&mut self, now: Millis, token: Token) {
        let was_wanted = self.credential.is_wanted();
        self.credential.give(now, token);
        if was_wanted {
            self.connector.on_token(now);
            self.poller.on_token(now);
        }
        self.refresh_session();
    }

    pub(super) fn on_no_token(&mut self, now: Millis) {
        match self.phase {
            Phase::Resting => self.credential.rest(),
            Phase::Offline | Phase::Trying(_) | Phase::Live(_) | Phase::Polling => {
                if self.credential.is_wanted() {
                    self.rest(now, Reason::Rejected);
                }
                self.credential.do_without();
            }
        }
    }

    /// Asking the app failed: it is asked again, by this machine's own schedule. Also for the first
    /// token, before the app wants the link up.
    pub(super) fn on_token_unavailable(&mut self, now: Millis) {
        let is_first = matches!(self.phase, Phase::Resting) && self.credential.token().is_none();
        if self.credential.is_asked() || is_first {
            self.credential.defer(now, &self.config, &mut self.rng);
        }
    }

    pub(super) fn on_close(&mut self, now: Millis) {
        match self.phase {
            Phase::Resting => {}
            Phase::Offline | Phase::Trying(_) | Phase::Live(_) | Phase::Polling => {
                self.rest(now, Reason::Closed);
            }
        }
    }

    /// Forgets a channel, and its poll.
    pub(super) fn leave(&mut self, id: u32) {
        self.subscriptions.remove(id);
        let cancelled = self.poller.leave(id);
        self.out.extend(cancelled.map(|poll| Output::CancelPoll { poll }));
    }

    /// Asks for a channel on the session, if there is one; `is_known` where that may follow it.
    pub(super) fn subscribe(&mut self, now: Millis, id: u32, is_known: bool) {
        if self.health.session().is_none() {
            return;
        }
        if let Some(request) = self.subscriptions.request(self.pacer.request_at(now), id) {
            let channel = request.channel.clone();
            self.pacer.push(channel, ClientFrame::Subscribe(request), is_known);
            self.run_requests(now);
        }
    }

    /// Leaves a channel on the session, if there is one.
    pub(super) fn say_unsubscribe(&mut self, now: Millis, channel: ChannelName) {
        if self.health.session().is_none() {
            return;
        }
        let id = Some(Scalar::number(self.subscriptions.new_request().into()));
        let name = channel.clone();
        self.pacer.push(name, ClientFrame::Unsubscribe { id, channel }, true);
        self.run_requests(now);
    }

    /// Sends the requests that may be sent now.
    pub(super) fn run_requests(&mut self, now: Millis) {
        while let Some(socket) = self.health.socket() {
            match self.pacer.next(now) {
                Some(frame) => self.send(socket, frame),
                None => return,
            }
        }
    }
}
