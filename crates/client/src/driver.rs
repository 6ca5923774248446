//! The loop around a link: one task that owns it. In: what the app asks, what sockets, polls and
//! probes came back with, the time. Out: what the link asks for, done, and its notices to the app.
//! While the app leaves notices unread the link is held still, as sleep would hold it: no frame is
//! taken and no time passes for it, so that nothing needs to be dropped.

use std::collections::VecDeque;

use steadfast_link::{Input, Notice, Output};
use steadfast_machine::{Machine, Millis, Span};
use steadfast_protocol::ChannelName;
use tokio::sync::mpsc;

use crate::channel::{Route, channel_of};
use crate::clock::Clock;
use crate::error::PublishError;
use crate::network_io::NetworkIo;
use crate::notice_router::{NoticeRouter, Offered};
use crate::publish::{Answer, Publish, Tickets};

/// How many of the app's requests may wait.
pub(crate) const COMMANDS_MAX: usize = 32;
/// Notices that may wait beyond the app's own queue before its requests wait too. One poll's
/// answer makes about a hundred.
const WAITING_MAX: usize = 1024;
/// Inputs taken in a row although the link wanted to be told the time.
const TURNS_MAX: u32 = 64;
/// How long the loop sleeps at most while the link waits for something: how soon sleep of the
/// device is noticed.
const LOOK_INTERVAL: Span = Span::seconds(5);
/// A link that was held still for longer than this is told that it slept.
const HELD_MAX: Span = Span::seconds(5);

/// A look at the link, and the time it is taken at.
pub(crate) type Look<M> = Box<dyn FnOnce(&M, Millis) + Send>;

/// What the app asks of the driver.
pub(crate) enum Command<M> {
    /// Hand this to the link.
    Input(Input),
    /// Publish this, and answer.
    Publish(Box<Publish>, Answer),
    /// Look at the link.
    Inspect(Look<M>),
    /// Tell of this channel by a stream of its own.
    Route(ChannelName, Route),
    /// Leave this channel, if its own stream was dropped.
    Leave(ChannelName),
}

/// Drives a link, or anything that behaves like one.
pub(crate) struct Driver<M> {
    link: M,
    clock: Clock,
    network: NetworkIo,
    commands: mpsc::Receiver<Command<M>>,
    notices_out: NoticeRouter,
    tickets: Tickets,
    waiting: VecDeque<Notice>,
    /// Channels whose streams were dropped, to be left.
    left: Vec<ChannelName>,
    held_since: Option<Millis>,
    has_slept: bool,
    turns: u32,
    is_closing: bool,
}

/// What ended a wait.
enum Happening<M> {
    Command(Option<Command<M>>),
    Input(Input),
    /// The app has read something, or will never read again.
    Room {
        is_wanted: bool,
    },
    Look,
}

impl<M> Driver<M>
where
    M: Machine<Input = Input, Output = Output>,
{
    /// A driver that has not begun.
    pub(crate) fn new(
        link: M,
        network: NetworkIo,
        commands: mpsc::Receiver<Command<M>>,
        notices_out: NoticeRouter,
    ) -> Self {
        Self {
            link,
            clock: Clock::start(),
            network,
            commands,
            notices_out,
            tickets: Tickets::default(),
            waiting: VecDeque::new(),
            left: Vec::new(),
            held_since: None,
            has_slept: false,
            turns: 0,
            is_closing: false,
        }
    }

    /// Hands `first` to the link, then runs until the app has closed it or let go of it.
    pub(crate) async fn run(mut self, first: Vec<Input>) {
        for input in first {
            self.feed(input);
        }
        while !self.is_closing || !self.waiting.is_empty() || self.notices_out.is_late() {
            let happening = self.wait().await;
            self.wake_up();
            match happening {
                Happening::Command(command) => self.obey(command),
                Happening::Input(input) => {
                    self.turns += 1;
                    self.feed(input);
                }
                Happening::Room { is_wanted: true } => self.tell(),
                Happening::Room { is_wanted: false } => {
                    self.waiting.clear();
                    self.close();
                    return self.network.end().await;
                }
                Happening::Look => self.turns = 0,
            }
            while let Some(channel) = self.left.pop() {
                self.feed(Input::Unsubscribe { channel });
            }
            self.tick_if_due();
        }
        self.network.end().await;
    }

    async fn wait(&mut self) -> Happening<M> {
        let is_held = !self.waiting.is_empty();
        let wants_room = is_held || self.notices_out.is_late();
        let takes_commands = !self.is_closing && self.waiting.len() < WAITING_MAX;
        let look_at = self.look_at().filter(|_| !is_held);
        let sleep = look_at.map(|at| self.clock.instant(at));
        let sleep = async {
            match sleep {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            command = self.commands.recv(), if takes_commands => Happening::Command(command),
            is_wanted = self.notices_out.room(self.waiting.front()), if wants_room => {
                Happening::Room { is_wanted }
            }
            input = self.network.next(), if !is_held && !self.is_closing => Happening::Input(input),
            () = sleep, if !self.is_closing => Happening::Look,
        }
    }

    /// When to look at the clock again: when the link wants to be told, or to notice sleep.
    fn look_at(&self) -> Option<Millis> {
        let wake = self.link.wake()?.at;
        Some(wake.min(self.clock.now() + LOOK_INTERVAL))
    }

    fn obey(&mut self, command: Option<Command<M>>) {
        match command {
            Some(Command::Input(Input::Close)) | None => self.close(),
            Some(Command::Input(Input::Unsubscribe { channel })) => self.leave(channel),
            Some(Command::Input(input)) => self.feed(input),
            Some(Command::Publish(publish, answer)) => {
                let input = self.tickets.take(*publish, answer);
                self.feed(input);
            }
            Some(Command::Route(channel, route)) => self.notices_out.lead(channel, route),
            Some(Command::Leave(channel)) if self.notices_out.is_left(&channel) => {
                self.leave(channel);
            }
            Some(Command::Leave(_)) => {}
            Some(Command::Inspect(look)) => look(&self.link, self.clock.now()),
        }
    }

    /// Leaves a channel, and with it what its own stream has not read.
    fn leave(&mut self, channel: ChannelName) {
        if self.notices_out.forget(&channel) {
            self.waiting.retain(|notice| channel_of(notice) != Some(&channel));
        }
        self.feed(Input::Unsubscribe { channel });
    }

    fn close(&mut self) {
        if !self.is_closing {
            self.feed(Input::Close);
            self.is_closing = true;
            self.commands.close();
            self.tell();
            while let Ok(command) = self.commands.try_recv() {
                if let Command::Publish(_, answer) = command {
                    // Nobody waits any more where this fails.
                    let _ = answer.send(Err(PublishError::Closed));
                }
            }
        }
    }

    /// Hands an input to the link and does all that follows from it.
    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            if self.is_closing || !self.network.is_wanted(&input) {
                continue;
            }
            self.link.handle(self.clock.now(), input);
            while let Some(output) = self.link.poll() {
                inputs.extend(self.perform(output));
            }
        }
        self.tell();
    }

    /// Does one thing; gives back what came of it at once, if anything did.
    fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::OpenSocket { socket, to, endpoint } => {
                self.network.open(socket, endpoint, to.as_deref());
            }
            Output::Send { socket, frame } => return self.network.send(socket, frame),
            Output::CloseSocket { socket, code } => self.network.close(socket, code),
            Output::Poll { poll, channels, wait_ms, endpoint } => {
                self.network.poll(poll, endpoint, channels, wait_ms);
            }
            Output::CancelPoll { poll } => self.network.cancel(poll),
            Output::Probe { endpoint } => self.network.probe(endpoint),
            Output::WantToken => self.network.want_token(),
            Output::Tell(notice) => {
                if let Notice::State { new, .. } = notice {
                    self.notices_out.show(new);
                }
                self.waiting.extend(self.tickets.answer(notice));
            }
        }
        None
    }

    /// Gives the app as many notices as it has room for.
    fn tell(&mut self) {
        // Nobody may read any more: then the closing of the commands ends the driver.
        let _ = self.notices_out.hurry();
        while let Some(notice) = self.waiting.pop_front() {
            match self.notices_out.offer(notice, self.is_closing) {
                Offered::Taken => {}
                Offered::Full(notice) => {
                    self.waiting.push_front(notice);
                    self.held_since.get_or_insert(self.clock.now());
                    return;
                }
                Offered::Left(channel) => {
                    self.waiting.retain(|notice| channel_of(notice) != Some(&channel));
                    self.left.push(channel);
                }
                Offered::Closed => return self.waiting.clear(),
            }
        }
    }

    /// Notices that the device slept, or that the link was held, which is the same to it.
    fn wake_up(&mut self) {
        self.has_slept |= self.clock.has_slept();
        if !self.waiting.is_empty() {
            return;
        }
        let now = self.clock.now();
        let held = self.held_since.take().map_or(Span::ZERO, |since| now.since(since));
        if self.has_slept || held > HELD_MAX {
            self.has_slept = false;
            self.feed(Input::Resumed);
        }
    }

    /// What already came is heard before the link is told that time has passed, up to a point:
    /// after a hold, the answers that it misses are waiting in line.
    fn tick_if_due(&mut self) {
        if self.link.wake().is_none_or(|wake| wake.at > self.clock.now()) {
            self.turns = 0;
            return;
        }
        let is_turn = self.turns == 0 || self.turns >= TURNS_MAX;
        let is_held = !self.waiting.is_empty() || self.held_since.is_some();
        if is_turn && !is_held {
            self.turns = 0;
            self.feed(Input::Tick);
        }
    }
}

#[cfg(test)]
mod tests;
