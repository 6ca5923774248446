//! What apps and publishers do of their own accord: follow, leave, close, come back, publish.

use steadfast_history::{Publication, Publish};
use steadfast_link::Input;
use steadfast_protocol::{ChannelName, EventName, Payload, Position, ReplaceKey, Since};

use super::{Due, LAST_WORDS_MS, World};
use crate::fact::Fact;
use crate::model::Truth;

/// Links start within this time.
const START_MS_MAX: u64 = 5_000;

impl World {
    pub(super) fn begin_apps(&mut self) {
        for link in 0..self.clients.len() {
            let at = self.dice.apps.between(0, START_MS_MAX);
            self.queue.push(at, Due::Say { link, input: Input::Connect });
            let first = self.dice.apps.index(self.channels.len());
            for (index, channel) in self.channels.clone().iter().enumerate() {
                if index == first || self.dice.apps.chance(60) {
                    self.follow(link, channel);
                }
            }
            self.plan_whim(link);
            self.plan_link_publish(link);
        }
        for channel in 0..self.channels.len() {
            let at = self.dice.publisher.between(0, self.options.publish_ms);
            self.queue.push(at, Due::Publish { channel });
        }
    }

    fn follow(&mut self, link: usize, channel: &ChannelName) {
        let resumed = self.clients[link].app.resume_point(channel);
        let since = match (self.dice.apps.index(4), resumed) {
            (0, _) => Since::Now,
            (1 | 2, Some(since)) => since,
            _ => Since::Start,
        };
        self.clients[link].app.follow(channel);
        self.note(&Fact::Wanted { link, channel, since: &since });
        self.tell_link(link, Input::Subscribe { channel: channel.clone(), since });
    }

    fn plan_whim(&mut self, link: usize) {
        let Some(every_ms) = self.options.whim_ms else { return };
        let at = self.now + self.dice.apps.between(every_ms / 2, every_ms * 3 / 2);
        self.queue.push(at, Due::Whim { link });
    }

    pub(super) fn on_whim(&mut self, link: usize) {
        if self.healing_since.is_some() {
            return;
        }
        self.plan_whim(link);
        let index = self.dice.apps.index(self.channels.len());
        let Some(channel) = self.channels.get(index).cloned() else { return };
        let is_followed = self.clients[link].app.following.contains_key(&channel);
        match (self.dice.apps.index(4), is_followed) {
            (0, _) if self.clients[link].app.is_connecting => {
                self.tell_link(link, Input::Close);
            }
            (0 | 1, true) => {
                self.clients[link].app.leave(&channel);
                self.note(&Fact::Unwanted { link, channel: &channel });
                self.tell_link(link, Input::Unsubscribe { channel });
            }
            (_, true) => self.tell_link(link, Input::Connect),
            (_, false) => {
                self.follow(link, &channel);
                self.tell_link(link, Input::Connect);
            }
        }
    }

    /// Apps that closed their link come back for what they follow.
    pub(super) fn reconnect_apps(&mut self) {
        for link in 0..self.clients.len() {
            let app = &self.clients[link].app;
            if !app.is_connecting && !app.following.is_empty() {
                self.tell_link(link, Input::Connect);
            }
        }
    }

    pub(super) fn on_publish(&mut self, index: usize) {
        if self.healing_since.is_some_and(|since| self.now >= since + LAST_WORDS_MS) {
            return;
        }
        let Some(channel) = self.channels.get(index).cloned() else { return };
        let mean_ms = self.options.publish_ms;
        let at = self.now + self.dice.publisher.between(mean_ms / 2, mean_ms * 3 / 2).max(1);
        self.queue.push(at, Due::Publish { channel: index });
        let (percent, most) = self.options.burst;
        let is_burst = self.dice.publisher.chance(percent);
        let count = if is_burst { self.dice.publisher.between(2, most) } else { 1 };
        // About one channel in two comes to its end in a run whose channels end.
        let events_mean = u32::try_from(self.options.hurt_ms / mean_ms.max(1)).unwrap_or(u32::MAX);
        let is_last =
            self.options.is_ending && self.dice.publisher.between(0, events_mean.into()) == 0;
        for nth in 1..=count {
            self.publish(&channel, is_last && nth == count);
        }
    }

    fn publish(&mut self, channel: &ChannelName, is_final: bool) {
        let (percent, keys) = self.options.replace;
        let key = self.dice.publisher.between(1, keys);
        let is_replacing = self.dice.publisher.chance(percent);
        let replace = is_replacing.then(|| ReplaceKey::new(&format!("key-{key}")).ok()).flatten();
        let bytes = self.dice.publisher.between(0, self.options.payload_bytes_max);
        let filling = ".".repeat(usize::try_from(bytes).unwrap_or_default());
        if !self.server.is_up {
            return;
        }
        let Ok(event) = EventName::new("progress") else { return };
        self.events_made += 1;
        let text = format!(r#"{{"n":{},"filling":"{filling}"}}"#, self.events_made);
        let publish = Publish {
            channel: channel.clone(),
            event,
            data: Payload::new(&text).unwrap_or_else(|_| Payload::null()),
            is_final,
            replace: replace.clone(),
            idempotency_key: None,
        };
        // A channel that has had its last event takes no other.
        let Some(publication) = self.server.publish(self.now, publish) else { return };
        let truth = Truth { data: text.into(), replace, is_final };
        self.on_taken(&publication, truth);
    }

    /// The broker has an event more.
    pub(super) fn on_taken(&mut self, publication: &Publication, truth: Truth) {
        let Publication { channel, epoch, offset, is_final, .. } = publication;
        let (epoch, offset, is_final) = (epoch.clone(), *offset, *is_final);
        if !self.model.publish(channel, &epoch, offset, truth) {
            self.fail("broker", format!("{channel} has a hole before {epoch}/{offset}"));
        }
        let position = Position::new(epoch, offset);
        self.note(&Fact::Published { channel, position: &position, is_final });
        let answers = self.server.answer_waiters(self.now, channel, &mut self.model);
        self.send_answers(answers);
        self.settle();
    }
}
