//! What the hub is set up with. The shell fills this from its configuration.

use alloc::boxed::Box;

use steadfast_machine::Span;
use steadfast_protocol::Limits;

/// Settings of a [`crate::Hub`].
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The node's name, told to clients.
    pub node: Box<str>,
    /// The node's region, told to clients.
    pub region: Box<str>,
    /// Limits of one session.
    pub limits: Limits,
    /// Messages that may wait for one session. Default 32.
    pub queue_messages_max: usize,
    /// Bytes that may wait for one session, or one message if that is larger. Default 1 MiB.
    pub queue_bytes_max: usize,
    /// A session that takes nothing for this long is cut off. Default 10 s.
    pub slow_timeout: Span,
    /// Silence after which a peer without terms is pinged. Default 20 s.
    pub ping_interval: Span,
    /// How long such a ping's answer is waited for. Default 10 s.
    pub ping_timeout: Span,
    /// How often all sessions are looked over. Default 30 s.
    pub sweep_interval: Span,
    /// The shortest heartbeat interval or timeout that is agreed to. Default 1 s.
    pub heartbeat_min: Span,
    /// The longest. Default 10 min.
    pub heartbeat_max: Span,
    /// Told to clients: spread the first attempt after a sudden loss over this. Default 5 s.
    pub crash_window: Span,
    /// Told to clients: how long the path in front of the server lets a link be idle.
    pub path_idle_limit: Option<Span>,
    /// Frames a second that a session may send in the long run. Default 50.
    pub frames_per_second_max: u32,
    /// Frames that a session may send at once. Default 200.
    pub frames_burst_max: u32,
    /// Bytes of `publish` frames a second that a session may send in the long run. Default 1 MiB.
    pub publish_bytes_per_second_max: u32,
    /// Bytes of `publish` frames that a session may send at once. Default 4 MiB.
    pub publish_bytes_burst_max: u32,
    /// Tokens that a session may replace its own with in a minute. Default 10.
    pub token_refreshes_per_minute_max: u32,
    /// Unreadable frames after which a session is closed. Default 20.
    pub bad_frames_max: u32,
    /// Entries of the timeline of a link. Default 64.
    pub timeline_entries_max: usize,
    /// Links whose timelines are kept after their session. Default 10,000.
    pub timeline_links_max: usize,
    /// The seed of the table of channels: random, so that nobody can choose names that collide.
    pub names_seed: u64,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            node: "node-1".into(),
            region: "local".into(),
            limits: Limits::default(),
            queue_messages_max: 32,
            queue_bytes_max: 1024 * 1024,
            slow_timeout: Span::seconds(10),
            ping_interval: Span::seconds(20),
            ping_timeout: Span::seconds(10),
            sweep_interval: Span::seconds(30),
            heartbeat_min: Span::seconds(1),
            heartbeat_max: Span::seconds(600),
            crash_window: Span::seconds(5),
            path_idle_limit: None,
            frames_per_second_max: 50,
            frames_burst_max: 200,
            publish_bytes_per_second_max: 1024 * 1024,
            publish_bytes_burst_max: 4 * 1024 * 1024,
            token_refreshes_per_minute_max: 10,
            bad_frames_max: 20,
            timeline_entries_max: 64,
            timeline_links_max: 10_000,
            names_seed: 0,
        }
    }
}

impl HubConfig {
    /// Answers that may wait for one session: all that a burst of its frames can ask for, behind a
    /// full queue of events.
    pub(crate) const fn answers_max(&self) -> usize {
        self.queue_messages_max + self.frames_burst_max as usize
    }
}
