//! The loop: one clock, one queue, and everybody who is in a run. In: options, a bug if one is
//! planted. Out: a report. Two phases: in the first, faults come and events are published; then
//! faults stop, and within a bound everybody must have everything.

mod apps;
mod faults;
mod healing;
mod publishes;
mod requests;
mod sessions;
mod wires;

use steadfast_hub::{Read, SessionKey};
use steadfast_link::{DialFailure, Input, Output};
use steadfast_protocol::ChannelName;

use crate::Setup;
use crate::check::{Jury, Scene, Violation};
use crate::dice::{Dice, Purpose};
use crate::fact::Fact;
use crate::fault::{Fault, Waking};
use crate::journal::Journal;
use crate::model::Model;
use crate::net::{Net, Way, WireId};
use crate::plant::{Plant, Planted};
use crate::report::{Report, Tally};
use crate::rule::Rules;
use crate::sim_client::SimClient;
use crate::sim_server::{Answer, Request, SimServer, token_until};
use crate::swarm::Options;
use crate::timeline::Timeline;

/// How long publishing goes on after the last fault.
const LAST_WORDS_MS: u64 = 15_000;
/// Things that may happen in one run; more is a loop.
const STEPS_MAX: u64 = 3_000_000;

/// Everybody in a run.
#[derive(Debug)]
pub(crate) struct World {
    now: u64,
    options: Options,
    queue: Queue,
    dice: AllDice,
    rules: Rules,
    net: Net,
    server: SimServer,
    clients: Vec<SimClient>,
    channels: Vec<ChannelName>,
    model: Model,
    jury: Jury,
    journal: Journal,
    planted: Planted,
    tally: Tally,
    timeline: Timeline,
    violation: Option<Violation>,
    healing_since: Option<u64>,
    /// What the slowest link may need to catch up, in virtual milliseconds.
    catch_up_ms: u64,
    well_since: Option<u64>,
    /// Whether every link has had everything since.
    has_healed: bool,
    /// Drains of the server that have not ended.
    drains: u32,
    hub_tick_at: Option<u64>,
    events_made: u64,
    turn: u64,
}

type Queue = crate::queue::Queue<Due>;

/// One sequence of throws for each purpose.
#[derive(Debug)]
struct AllDice {
    net: Dice,
    apps: Dice,
    publisher: Dice,
    link_publisher: Dice,
}

/// What is to happen.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// The dial of a socket reaches the server, or what stops it.
    Dialed { wire: WireId },
    /// What came of a dial reaches the link.
    Opened { wire: WireId, result: Result<(), DialFailure> },
    /// A direction has a parcel that may have arrived.
    Direction { wire: WireId, way: Way },
    /// A socket has been open for long enough to have said `hello`.
    HelloTimeout { wire: WireId },
    /// A link wants to be told the time.
    Tick { link: usize, tick: u64 },
    /// A link hears something that is no frame.
    Say { link: usize, input: Input },
    /// The hub wants to be told the time.
    HubTick,
    /// The broker has read a page.
    Page { boot: u64, key: SessionKey, read: Box<Read> },
    /// A poll reaches the server.
    Request { request: Box<Request> },
    /// An answer to a poll reaches the link.
    Answer { answer: Box<Answer> },
    /// A channel's publisher has something to say.
    Publish { channel: usize },
    /// An app changes its mind.
    Whim { link: usize },
    /// An app publishes from its link.
    LinkPublish { link: usize },
    /// A fault begins.
    Fault { fault: Fault },
    /// A device wakes up.
    WakeUp { link: usize, waking: Waking },
    /// A device has a network again.
    BackOnline { link: usize },
    /// The server starts.
    Start { is_lossy: bool },
    /// The server that asked its links to leave ends.
    Leave,
    /// A second has passed.
    Look,
    /// The faults stop.
    Heal,
}

impl World {
    /// A run that has not begun.
    pub(crate) fn new(options: Options, setup: Setup) -> Self {
        let seed = options.seed;
        let mut seeds = Dice::new(seed, Purpose::Links);
        let token = options.token_ms.map(token_until);
        let tunes: Vec<_> = setup.tune.into_iter().chain(setup.known).collect();
        let clients = (0..options.links)
            .filter_map(|link| SimClient::new(link, seeds.seed(), token.clone(), &tunes))
            .collect();
        let names = (0..options.channels).map(|index| format!("sim:{index}"));
        Self {
            now: 0,
            queue: Queue::new(),
            dice: AllDice {
                net: Dice::new(seed, Purpose::Net),
                apps: Dice::new(seed, Purpose::Apps),
                publisher: Dice::new(seed, Purpose::Publisher),
                link_publisher: Dice::new(seed, Purpose::LinkPublisher),
            },
            rules: Rules::default(),
            net: Net::default(),
            server: SimServer::new(&options),
            clients,
            channels: names.filter_map(|name| ChannelName::new(&name).ok()).collect(),
            model: Model::default(),
            jury: Jury::new(),
            journal: Journal::new(setup.is_logged),
            planted: Planted::new(setup.plant),
            tally: Tally::default(),
            timeline: Timeline::default(),
            violation: None,
            healing_since: None,
            catch_up_ms: 0,
            well_since: None,
            has_healed: false,
            drains: 0,
            hub_tick_at: None,
            events_made: 0,
            turn: 0,
            options,
        }
    }

    /// Runs to the end, or to the first violation.
    pub(crate) fn run(mut self) -> Report {
        self.begin();
        let mut steps = 0;
        while self.violation.is_none() && !self.is_over() {
            let Some((at, due)) = self.queue.pop() else { break };
            self.now = at.max(self.now);
            self.step(due);
            steps += 1;
            if steps > STEPS_MAX {
                self.fail("world", format!("more than {STEPS_MAX} things happened"));
            }
        }
        if self.violation.is_none() {
            let (jury, scene) = self.court();
            self.violation = jury.end(&scene);
        }
        self.tally.runs = 1;
        self.tally.virtual_ms = self.now;
        Report {
            seed: self.options.seed,
            tally: self.tally,
            timeline: self.timeline,
            violation: self.violation,
            digest: self.journal.digest(),
            log: self.journal.into_lines(),
        }
    }

    fn begin(&mut self) {
        self.note(&Fact::Remark(&format!(
            "{:?}",
            Options { faults: Vec::new(), ..self.options.clone() }
        )));
        for (at, fault) in std::mem::take(&mut self.options.faults) {
            self.queue.push(at, Due::Fault { fault });
        }
        self.queue.push(self.options.hurt_ms, Due::Heal);
        self.queue.push(1_000, Due::Look);
        self.begin_apps();
        self.plan_hub_tick();
    }

    fn step(&mut self, due: Due) {
        if let Some(link) = due.concerns(&self.net)
            && self.clients[link].asleep_until.is_some()
        {
            // What reaches a sleeping device is found there when it wakes up.
            return self.clients[link].mail.push(due);
        }
        match due {
            Due::Dialed { wire } => self.on_dialed(wire),
            Due::Opened { wire, result } => self.on_opened(wire, result),
            Due::Direction { wire, way } => self.on_direction(wire, way),
            Due::HelloTimeout { wire } => self.on_hello_timeout(wire),
            Due::Tick { link, tick } => self.on_tick(link, tick),
            Due::Say { link, input } => self.tell_link(link, input),
            Due::HubTick => self.on_hub_tick(),
            Due::Page { boot, key, read } => self.on_page(boot, key, &read),
            Due::Request { request } => self.on_request(*request),
            Due::Answer { answer } => self.on_answer(*answer),
            Due::Publish { channel } => self.on_publish(channel),
            Due::Whim { link } => self.on_whim(link),
            Due::LinkPublish { link } => self.on_link_publish(link),
            Due::Fault { fault } => self.on_fault(fault),
            Due::WakeUp { link, waking } => self.on_wake_up(link, waking),
            Due::BackOnline { link } => self.on_back_online(link),
            Due::Start { is_lossy } => self.on_start(is_lossy),
            Due::Leave => self.on_leave(),
            Due::Look => self.on_look(),
            Due::Heal => self.on_heal(),
        }
    }

    /// Hands an input to a link and does what it asks for.
    fn tell_link(&mut self, link: usize, input: Input) {
        if self.clients[link].asleep_until.is_some() {
            return self.clients[link].mail.push(Due::Say { link, input });
        }
        self.turn += 1;
        self.note_input(link, &input);
        let outputs = self.clients[link].handle(self.now, input);
        for output in outputs {
            self.perform(link, output);
        }
        self.plan_tick(link);
    }

    fn note_input(&mut self, link: usize, input: &Input) {
        let is_frame = matches!(input, Input::SocketFrame { .. } | Input::SocketAlive { .. });
        if let Input::Polled { outcome: Ok(answer), .. } = input {
            for page in &answer.pages {
                let (channel, count, offset) = (&page.channel, page.events.len(), page.offset);
                self.remark(&format!("link {link}  answer: {channel}, {count} events to {offset}"));
            }
        } else if *input == Input::Tick {
            self.note(&Fact::Woken { link });
        } else if is_frame {
            self.note(&Fact::Arrived { link });
        } else {
            self.note(&Fact::Heard { link, input });
        }
    }

    fn perform(&mut self, link: usize, output: Output) {
        match output {
            Output::OpenSocket { socket, endpoint, .. } => {
                self.open_socket(link, socket, endpoint);
            }
            Output::Send { socket, frame } => self.send_frame(link, socket, &frame),
            Output::CloseSocket { socket, code } => self.close_socket(link, socket, code),
            Output::Poll { poll, channels, wait_ms, endpoint: _ } => {
                self.send_poll(link, poll, channels, wait_ms);
            }
            Output::CancelPoll { poll } => self.cancel_poll(link, poll),
            Output::Probe { endpoint: _ } => self.send_probe(link),
            Output::WantToken => self.want_token(link),
            Output::Tell(notice) => {
                for notice in self.planted.told(notice) {
                    self.clients[link].app.hear(&notice);
                    self.note(&Fact::Told { link, notice: &notice });
                }
            }
        }
    }

    fn plan_tick(&mut self, link: usize) {
        let Some(at) = self.clients[link].wake_at() else { return };
        let late_ms = self.dice.net.between(0, self.options.timer_ms_max);
        self.clients[link].tick += 1;
        let tick = self.clients[link].tick;
        self.queue.push(at.max(self.now) + late_ms, Due::Tick { link, tick });
    }

    fn on_tick(&mut self, link: usize, tick: u64) {
        if self.planted.is(Plant::NoTicks) && self.now > 10_000 || self.clients[link].tick != tick {
            return;
        }
        let times = if self.planted.is(Plant::BusyTimer) { 100 } else { 1 };
        for _ in 0..times {
            self.tell_link(link, Input::Tick);
        }
    }

    /// Tells the checks and the journal.
    fn note(&mut self, fact: &Fact<'_>) {
        self.tally.count(fact);
        self.timeline.note(self.now, fact);
        self.journal.note(self.now, fact);
        let (jury, scene) = self.court();
        let violation = jury.hear(&scene, fact);
        self.violation = self.violation.take().or(violation);
    }

    fn remark(&mut self, text: &str) {
        self.note(&Fact::Remark(text));
    }

    fn fail(&mut self, check: &'static str, what: String) {
        let at_ms = self.now;
        self.violation.get_or_insert(Violation { check, at_ms, what });
    }

    fn court(&mut self) -> (&mut Jury, Scene<'_>) {
        let Self { now, healing_since, turn, options, model, server, clients, jury, .. } = self;
        let (now, healing_since, turn) = (*now, *healing_since, *turn);
        (jury, Scene { now, healing_since, turn, options, model, server, clients })
    }

    /// One way through the network, in milliseconds.
    fn latency_ms(&mut self) -> u64 {
        let (least, jitter) = self.options.latency_ms;
        least + self.dice.net.between(0, jitter)
    }
}

impl Due {
    /// The link whose device has to be awake for it.
    fn concerns(&self, net: &Net) -> Option<usize> {
        match self {
            Self::Opened { wire, .. } | Self::Direction { wire, way: Way::Down } => {
                net.wire(*wire).map(|wire| wire.link)
            }
            Self::Tick { link, .. }
            | Self::Say { link, .. }
            | Self::Whim { link }
            | Self::LinkPublish { link } => Some(*link),
            Self::Answer { answer } => Some(answer.link),
            Self::Dialed { .. }
            | Self::Direction { way: Way::Up, .. }
            | Self::HelloTimeout { .. }
            | Self::HubTick
            | Self::Page { .. }
            | Self::Request { .. }
            | Self::Publish { .. }
            | Self::Fault { .. }
            | Self::WakeUp { .. }
            | Self::BackOnline { .. }
            | Self::Start { .. }
            | Self::Leave
            | Self::Look
            | Self::Heal => None,
        }
    }
}
