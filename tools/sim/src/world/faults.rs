//! What faults do: to the path, to devices, to the server. And how all of it stops.

use steadfast_link::{Input, NetworkKind};
use steadfast_machine::{Millis, Span};
use steadfast_protocol::CloseCode;

use super::{Due, World};
use crate::fact::Fact;
use crate::fault::{Fault, Waking};
use crate::net::{Way, WireId};
use crate::rule::{Effect, Rule};

impl World {
    pub(super) fn on_fault(&mut self, fault: Fault) {
        self.remark(&format!("fault  {fault:?}"));
        match fault {
            Fault::Delay { link, extra_ms, for_ms } => {
                self.rule(link, for_ms, Effect::Delay { extra_ms });
            }
            Fault::Stall { link, for_ms } => self.rule(link, for_ms, Effect::Stall),
            Fault::Trickle { link, each_ms, for_ms } => {
                self.rule(link, for_ms, Effect::Trickle { each_ms });
            }
            Fault::Hole { link } => self.net.hole(link),
            Fault::Cut { link, tells_link, tells_server } => {
                self.cut(link, tells_link, tells_server);
            }
            Fault::Deafen { link, for_ms } => self.rule(link, for_ms, Effect::DeafEndpoint),
            Fault::Block { link, for_ms, is_cutting, is_hanging } => {
                self.rule(link, for_ms, Effect::NoWebSocket { is_hanging });
                if is_cutting {
                    self.cut(link, true, true);
                }
            }
            Fault::Unreach { link, for_ms, is_silent } => {
                self.rule(link, for_ms, Effect::NoRoute { is_silent });
            }
            Fault::Offline { link, for_ms } => self.go_offline(link, for_ms),
            Fault::Move { link, is_breaking, kind } => {
                self.move_network(link, is_breaking, kind);
            }
            Fault::Hide { link, for_ms } => self.hide(link, for_ms),
            Fault::Weak { link, for_ms } => {
                self.tell_link(link, Input::WeakNetwork(true));
                let input = Input::WeakNetwork(false);
                self.queue.push(self.now + for_ms, Due::Say { link, input });
            }
            Fault::Sleep { link, for_ms, waking } => self.fall_asleep(link, for_ms, waking),
            Fault::Busy { for_ms, retry_after_ms } => {
                for link in 0..self.clients.len() {
                    self.rule(link, for_ms, Effect::Busy { retry_after_ms });
                }
            }
            Fault::Restart { down_ms, is_lossy, is_told } => {
                self.stop_server(is_told.then_some(CloseCode::ABNORMAL));
                self.queue.push(self.now + down_ms, Due::Start { is_lossy });
            }
            Fault::Drain { after_ms, spread_ms } => self.drain(after_ms, spread_ms),
            Fault::Refuse { for_ms } => {
                self.server.refuses_until = self.server.refuses_until.max(self.now + for_ms);
            }
            Fault::Forget { channel } => self.forget_channel(channel),
            Fault::Blackout { link, for_ms } => {
                self.rule(link, for_ms, Effect::Blackout { since: self.now });
            }
            Fault::Portal { link, for_ms } => {
                self.rule(link, for_ms, Effect::Portal);
                self.move_network(link, true, NetworkKind::Wifi);
            }
            Fault::HandOver { after_ms, spread_ms } => self.hand_over(after_ms, spread_ms),
        }
    }

    fn rule(&mut self, link: usize, for_ms: u64, effect: Effect) {
        self.rules.add(Rule { link, until: self.now + for_ms, effect });
    }

    /// Breaks the wires of a link. A side that is not told finds out by itself.
    fn cut(&mut self, link: usize, tells_link: bool, tells_server: bool) {
        for wire in self.net.of_link(link) {
            if tells_server {
                self.server.on_closed(self.now, wire, CloseCode::ABNORMAL);
            }
            self.break_wire(wire, tells_link.then_some(CloseCode::ABNORMAL));
        }
        self.settle();
    }

    /// What travels on a wire is lost, and nothing will travel any more but a last word.
    fn break_wire(&mut self, wire: WireId, told: Option<CloseCode>) {
        let Some(state) = self.net.wire(wire) else { return };
        let (link, socket) = (state.link, state.socket);
        let is_wanted = self.clients[link].sockets.get(&socket) == Some(&wire);
        match told {
            Some(code) if is_wanted => {
                self.forget_wire(wire);
                self.tell_link(link, Input::SocketClosed { socket, code });
            }
            Some(_) => self.forget_wire(wire),
            None => self.net.hole_one(wire),
        }
    }

    fn go_offline(&mut self, link: usize, for_ms: u64) {
        let until = self.now + for_ms;
        let client = &mut self.clients[link];
        let is_first = client.offline_until.is_none();
        client.offline_until = Some(client.offline_until.map_or(until, |at| at.max(until)));
        self.rule(link, for_ms, Effect::NoRoute { is_silent: false });
        self.queue.push(until, Due::BackOnline { link });
        if is_first {
            self.tell_link(link, Input::Offline);
        }
    }

    pub(super) fn on_back_online(&mut self, link: usize) {
        let until = self.clients[link].offline_until;
        if until.is_some_and(|until| until <= self.now) {
            self.clients[link].offline_until = None;
            // The old network is gone for good.
            self.net.hole(link);
            self.tell_link(link, Input::Online);
        }
    }

    fn move_network(&mut self, link: usize, is_breaking: bool, kind: NetworkKind) {
        if self.clients[link].offline_until.is_none() {
            if is_breaking {
                self.net.hole(link);
            }
            self.tell_link(link, Input::NetworkChanged { kind, key: None });
        }
    }

    /// Nobody looks at the app for a while.
    fn hide(&mut self, link: usize, for_ms: u64) {
        self.tell_link(link, Input::Background);
        self.queue.push(self.now + for_ms, Due::Say { link, input: Input::Foreground });
    }

    fn fall_asleep(&mut self, link: usize, for_ms: u64, waking: Waking) {
        if self.clients[link].asleep_until.is_none() {
            let until = self.now + for_ms;
            self.clients[link].asleep_until = Some(until);
            self.note(&Fact::Asleep { link });
            self.queue.push(until, Due::WakeUp { link, waking });
        }
    }

    pub(super) fn on_wake_up(&mut self, link: usize, waking: Waking) {
        if self.clients[link].asleep_until.take().is_none() {
            return;
        }
        self.note(&Fact::Awake { link });
        // Behind what is told here, and before all that comes now.
        let mail = std::mem::take(&mut self.clients[link].mail);
        for due in mail {
            self.queue.push(self.now, due);
        }
        match waking {
            Waking::ResumedFirst => self.tell_link(link, Input::Resumed),
            Waking::MailFirst => {
                let input = Input::Resumed;
                return self.queue.push(self.now, Due::Say { link, input });
            }
            Waking::TickFirst | Waking::TickOnly => {}
        }
        if self.clients[link].wake_at().is_some_and(|at| at <= self.now) {
            self.tell_link(link, Input::Tick);
        }
        if waking == Waking::TickFirst {
            self.tell_link(link, Input::Resumed);
        }
    }

    /// The server's process ends; where it can, its system breaks its connections.
    fn stop_server(&mut self, told: Option<CloseCode>) {
        if !self.server.is_up {
            return;
        }
        self.server.stop();
        self.break_polls();
        for wire in self.net.all() {
            self.break_wire(wire, told);
        }
    }

    pub(super) fn on_start(&mut self, is_lossy: bool) {
        if !self.server.is_up {
            self.remark("server  starts");
            self.server.start(self.now, &self.options, is_lossy);
            self.hub_tick_at = None;
            self.plan_hub_tick();
        }
    }

    fn hand_over(&mut self, after_ms: u64, spread_ms: u64) {
        if self.server.is_up {
            let (after, spread) = (Span(after_ms), Span(spread_ms));
            self.server.hub.go_away(Millis(self.now), after, spread, None);
            self.settle();
        }
    }

    fn drain(&mut self, after_ms: u64, spread_ms: u64) {
        if self.server.is_up {
            self.hand_over(after_ms, spread_ms);
            self.drains += 1;
            self.queue.push(self.now + after_ms + spread_ms + 2_000, Due::Leave);
        }
    }

    pub(super) fn on_leave(&mut self) {
        self.drains = self.drains.saturating_sub(1);
        if self.server.is_up && self.healing_since.is_none() {
            self.server.hub.close_all(Millis(self.now), CloseCode::RESTART, "restart");
            self.settle();
            self.server.stop();
            self.break_polls();
            self.queue.push(self.now + 200, Due::Start { is_lossy: false });
        }
    }

    fn forget_channel(&mut self, index: usize) {
        let Some(channel) = self.channels.get(index).cloned() else { return };
        if self.server.is_up && self.server.streams.delete(&channel) {
            self.server.hub.forgotten(&channel);
            let answers = self.server.answer_waiters(self.now, &channel, &mut self.model);
            self.send_answers(answers);
            self.settle();
        }
    }

    /// All faults stop. What is broken stays broken, and is for the links to notice.
    pub(super) fn on_heal(&mut self) {
        self.remark("heal  no more faults");
        if self.drains > 0 {
            // What has begun is done with, so that nothing goes wrong any more from here on.
            self.on_leave();
        }
        self.healing_since = Some(self.now);
        self.rules.clear();
        self.server.refuses_until = 0;
        self.on_start(false);
        for link in 0..self.clients.len() {
            self.on_wake_up(link, Waking::ResumedFirst);
            if self.clients[link].offline_until.is_some() {
                self.clients[link].offline_until = Some(self.now);
                self.queue.push(self.now, Due::BackOnline { link });
            }
        }
        for wire in self.net.all() {
            for way in [Way::Up, Way::Down] {
                if self.net.due(wire, way).is_some() {
                    self.queue.push(self.now, Due::Direction { wire, way });
                }
            }
        }
        self.reconnect_apps();
    }
}
