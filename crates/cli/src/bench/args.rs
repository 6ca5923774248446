//! What `bench` is told, and what that comes to: each scenario is a set of defaults, which flags
//! override. Must not know: sockets, reports.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use steadfast_loadgen::{Connecting, Load, Pace};

/// Links that are on their way at once, unless all are.
const AT_ONCE: usize = 100;

/// What `bench` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Scenarios, and what they stand for:
  fan-out   --links 1000 --rate 10               one channel that many follow
  idle      --links 10000 --hold 10 --no-events  links without events
  channels  --links 5000 --channels 5000 --rate 5000
                                                 many channels with one follower each
  storm     --links 10000 --at-once 10000 --rate 1 --seconds 3
                                                 everybody comes at once
Flags change a scenario. The token of links is read from --token-file, else from STEADFAST_TOKEN;
the key of the internal port from --key-file, else from STEADFAST_KEY. Events go to channels of the
namespace `bench`.

Every delivery is checked by its offset. The exit code is 0 when all links came to life and every
event came to each of its links once and in order, else 1.

Examples:
  steadfast bench
  steadfast bench fan-out --links 10000 --in-flight 4 --server-pid $(pidof steadfast)
  steadfast bench storm --links 18000 --json | jq .connects")]
pub(crate) struct BenchArgs {
    /// What to do
    #[arg(value_enum, default_value_t = Scenario::FanOut)]
    scenario: Scenario,
    /// Links to open
    #[arg(long, value_name = "N")]
    links: Option<usize>,
    /// Channels; link n follows channel n modulo their number
    #[arg(long, value_name = "N")]
    channels: Option<usize>,
    /// Events a second, over all channels in turn
    #[arg(long, value_name = "N", conflicts_with_all = ["in_flight", "no_events"])]
    rate: Option<f64>,
    /// Events on their way at once: the next follows when one has reached all its links
    #[arg(long, value_name = "N", conflicts_with = "no_events")]
    in_flight: Option<usize>,
    /// Publish nothing
    #[arg(long)]
    no_events: bool,
    /// How long to publish
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Bytes of an event's data, 80 to 524288
    #[arg(long, value_name = "N", default_value_t = 150)]
    bytes: usize,
    /// How long to stay connected before publishing
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=86_400))]
    hold: Option<u64>,
    /// Links that are on their way at once, while they connect
    #[arg(long, value_name = "N")]
    at_once: Option<usize>,
    /// Links that begin to connect a second
    #[arg(long, value_name = "N")]
    connect_rate: Option<f64>,
    /// How long a link may take until it follows its channel
    #[arg(long, value_name = "S", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    connect_timeout: u64,
    /// How often a link says that it is alive, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 25_000,
          value_parser = clap::value_parser!(u64).range(1000..=600_000))]
    pub(super) heartbeat_ms: u64,
    /// Worker processes that hold the links [default: as few as their limit of open files allows]
    #[arg(long, value_name = "N")]
    pub(super) processes: Option<usize>,
    /// The server's address for clients
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(super) server: String,
    /// The server's address for backends
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081")]
    pub(super) internal: String,
    /// A file that holds a token and nothing else
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// A file that holds the internal port's key and nothing else
    #[arg(long, value_name = "FILE")]
    pub(super) key_file: Option<PathBuf>,
    /// The server's process, where it runs on this machine: its memory and CPU time are measured
    #[arg(long, value_name = "PID")]
    pub(super) server_pid: Option<u32>,
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A set of defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// One channel that many follow
    FanOut,
    /// Links without events
    Idle,
    /// Many channels with one follower each
    Channels,
    /// Everybody comes at once
    Storm,
}

/// What all that comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(super) scenario: &'static str,
    pub(super) links: usize,
    pub(super) channels: usize,
    pub(super) connecting: Connecting,
    pub(super) hold: Duration,
    pub(super) load: Option<Load>,
}

struct Defaults {
    name: &'static str,
    links: usize,
    hold: u64,
    /// Events a second, and for how many seconds; none where nothing is published.
    events: Option<f64>,
    seconds: u64,
}

impl Scenario {
    fn defaults(self) -> Defaults {
        match self {
            Self::FanOut => {
                Defaults { name: "fan-out", links: 1000, hold: 0, events: Some(10.0), seconds: 10 }
            }
            Self::Idle => {
                Defaults { name: "idle", links: 10_000, hold: 10, events: None, seconds: 10 }
            }
            Self::Channels => {
                let events = Some(5000.0);
                Defaults { name: "channels", links: 5000, hold: 0, events, seconds: 10 }
            }
            Self::Storm => {
                Defaults { name: "storm", links: 10_000, hold: 0, events: Some(1.0), seconds: 3 }
            }
        }
    }
}

impl BenchArgs {
    /// The scenario with what flags change.
    pub(super) fn wanted(&self) -> Wanted {
        let defaults = self.scenario.defaults();
        let links = self.links.unwrap_or(defaults.links);
        let channels = match self.scenario {
            Scenario::Channels => links,
            Scenario::FanOut | Scenario::Idle | Scenario::Storm => 1,
        };
        let at_once = if self.scenario == Scenario::Storm { links } else { AT_ONCE };
        let pace = match (self.in_flight, self.rate.or(defaults.events)) {
            _ if self.no_events => None,
            (Some(count), _) => Some(Pace::InFlight(count)),
            (None, rate) => rate.map(Pace::PerSecond),
        };
        let lasts = Duration::from_secs(self.seconds.unwrap_or(defaults.seconds));
        Wanted {
            scenario: defaults.name,
            links,
            channels: self.channels.unwrap_or(channels),
            connecting: Connecting {
                at_once: self.at_once.unwrap_or(at_once),
                per_second: self.connect_rate,
                patience: Duration::from_secs(self.connect_timeout),
            },
            hold: Duration::from_secs(self.hold.unwrap_or(defaults.hold)),
            load: pace.map(|pace| Load { pace, lasts, bytes: self.bytes }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BenchArgs, Wanted};
    use clap::Parser;
    use steadfast_loadgen::Pace;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn wanted(typed: &str) -> Wanted {
        Typed::try_parse_from(typed.split(' ')).map(|typed| typed.args.wanted()).unwrap()
    }

    #[test]
    fn a_scenario_is_a_set_of_defaults() {
        let usual = wanted("bench");
        assert_eq!((usual.scenario, usual.links, usual.channels), ("fan-out", 1000, 1));
        assert_eq!(usual.load.unwrap().pace, Pace::PerSecond(10.0));
        let idle = wanted("bench idle");
        assert_eq!((idle.links, idle.load, idle.hold.as_secs()), (10_000, None, 10));
        let channels = wanted("bench channels --links 70");
        assert_eq!((channels.links, channels.channels), (70, 70));
        let storm = wanted("bench storm --links 300");
        assert_eq!(storm.connecting.at_once, 300);
    }

    #[test]
    fn flags_change_a_scenario() {
        let idle = wanted("bench idle --rate 3 --hold 1 --seconds 4 --bytes 99");
        let load = idle.load.unwrap();
        assert_eq!((load.pace, load.lasts.as_secs(), load.bytes), (Pace::PerSecond(3.0), 4, 99));
        let flight = wanted("bench --in-flight 8 --channels 4 --at-once 7 --connect-rate 50");
        assert_eq!(flight.load.unwrap().pace, Pace::InFlight(8));
        assert_eq!((flight.channels, flight.connecting.at_once), (4, 7));
        assert_eq!(flight.connecting.per_second, Some(50.0));
        assert_eq!(wanted("bench --no-events").load, None);
    }

    #[test]
    fn what_contradicts_itself_is_not_understood() {
        for typed in [
            "bench --rate 1 --in-flight 1",
            "bench --rate 1 --no-events",
            "bench --seconds 0",
            "bench --heartbeat-ms 999",
            "bench --connect-timeout 3601",
            "bench hurricane",
        ] {
            assert!(Typed::try_parse_from(typed.split(' ')).is_err(), "{typed}");
        }
    }
}
