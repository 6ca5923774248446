//! What apps publish from their links, and the broker's answer to it.

use steadfast_link::Input;
use steadfast_protocol::{EventName, Payload, ReplaceKey};

use super::{Due, LAST_WORDS_MS, World};
use crate::fact::Fact;
use crate::model::Truth;
use crate::plant::Plant;
use crate::sim_server::Wish;

/// So many in a hundred publishes come as a burst of up to so many.
const BURST: (u32, u64) = (3, 40);

impl World {
    pub(super) fn plan_link_publish(&mut self, link: usize) {
        let Some(mean_ms) = self.options.link_publish_ms else { return };
        let at = self.now + self.dice.link_publisher.between(mean_ms / 2, mean_ms * 3 / 2).max(1);
        self.queue.push(at, Due::LinkPublish { link });
    }

    pub(super) fn on_link_publish(&mut self, link: usize) {
        if self.healing_since.is_some_and(|since| self.now >= since + LAST_WORDS_MS) {
            return;
        }
        self.plan_link_publish(link);
        let (percent, most) = BURST;
        let is_burst = self.dice.link_publisher.chance(percent);
        let count = if is_burst { self.dice.link_publisher.between(2, most) } else { 1 };
        for _ in 0..count {
            self.publish_from(link);
        }
    }

    fn publish_from(&mut self, link: usize) {
        let index = self.dice.link_publisher.index(self.channels.len());
        let is_replacing = self.dice.link_publisher.chance(20);
        let is_final = self.options.is_ending && self.dice.link_publisher.between(1, 500) == 1;
        let Some(channel) = self.channels.get(index).cloned() else { return };
        let Ok(event) = EventName::new("said") else { return };
        let replace = is_replacing.then(|| ReplaceKey::new("key-1").ok()).flatten();
        let app = &mut self.clients[link].app;
        app.last_ticket += 1;
        let ticket = app.last_ticket;
        app.publishing.insert(ticket);
        let text = format!(r#"{{"link":{link},"ticket":{ticket}}}"#);
        self.note(&Fact::Asked { link, ticket, channel: &channel, data: &text });
        let data = Payload::new(&text).unwrap_or_else(|_| Payload::null());
        let input = Input::Publish { ticket, channel, event, data, is_final, replace };
        self.tell_link(link, input);
    }

    /// A session publishes.
    pub(super) fn on_wish(&mut self, mut wish: Wish) {
        if self.planted.is(Plant::ForgetKeys) {
            wish.publish.idempotency_key = None;
        }
        let data = wish.publish.data.as_str().into();
        let (replace, is_final) = (wish.publish.replace.clone(), wish.publish.is_final);
        if let Some(publication) = self.server.publish_wish(self.now, wish) {
            self.on_taken(&publication, Truth { data, replace, is_final });
        }
    }
}
