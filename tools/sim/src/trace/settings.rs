//! The settings of a trace's link: most as they are by default, some of them drawn. In: dice.
//! Out: the settings as a scenario has them, and the same for the link.

use serde_json::{Map, Value};
use steadfast_link::Config;
use steadfast_machine::Span;
use steadfast_protocol::{LinkId, Token};

use crate::dice::Dice;

/// How many in a hundred traces change a setting.
const CHANGED_PERCENT: u32 = 15;

/// A setting as scenarios call it, how it is set, and what it may be instead.
type Setting = (&'static str, fn(&mut Config, u64), [u64; 3]);

const SETTINGS: [Setting; 17] = [
    ("endpoints", |c, n| c.endpoints = u8::try_from(n).unwrap_or(1), [2, 2, 3]),
    ("backoffMinMs", |c, n| c.backoff_min = Span(n), [200, 500, 3_000]),
    ("backoffMaxMs", |c, n| c.backoff_max = Span(n), [2_000, 10_000, 60_000]),
    ("jitterPercent", |c, n| c.jitter_percent = u32::try_from(n).unwrap_or(0), [0, 10, 100]),
    ("delayFloorMs", |c, n| c.delay_floor = Span(n), [1, 500, 2_000]),
    ("stableAfterMs", |c, n| c.stable_after = Span(n), [1_000, 10_000, 60_000]),
    ("connectTimeoutMs", |c, n| c.connect_timeout = Span(n), [1_000, 4_000, 20_000]),
    ("heartbeatIntervalMs", |c, n| c.heartbeat_interval = Span(n), [2_000, 5_000, 30_000]),
    ("heartbeatTimeoutMs", |c, n| c.heartbeat_timeout = Span(n), [1_000, 3_000, 20_000]),
    ("healthIntervalMs", |c, n| c.health_interval = Span(n), [1_000, 7_000, 20_000]),
    ("idlePingMs", |c, n| c.idle_ping = Span(n), [3_000, 8_000, 20_000]),
    ("idleCloseMs", |c, n| c.idle_close = Span(n), [5_000, 12_000, 30_000]),
    ("fallbackAttempts", |c, n| c.fallback_attempts = u32::try_from(n).unwrap_or(1), [1, 2, 5]),
    ("fallbackEffortMs", |c, n| c.fallback_effort = Span(n), [1_000, 3_000, 15_000]),
    ("pollWaitMs", |c, n| c.poll_wait = Span(n), [1_000, 5_000, 50_000]),
    ("returnMinMs", |c, n| c.return_min = Span(n), [1_000, 5_000, 60_000]),
    ("returnMaxMs", |c, n| c.return_max = Span(n), [2_000, 20_000, 60_000]),
];

/// Draws both.
pub(super) fn draw(dice: &mut Dice) -> (Value, Config) {
    let seed = dice.seed();
    let mut settings = Map::new();
    let mut config = Config::new(link_id(), seed);
    settings.insert("seed".into(), seed.into());
    // So few that one too many comes often.
    config.channels_max = 2;
    settings.insert("channelsMax".into(), 2.into());
    // As in `conformance/defaults.json`.
    config.messages = false;
    if dice.chance(25) {
        config.messages = true;
        settings.insert("messages".into(), true.into());
    }
    if dice.chance(60) {
        config.token = Some(Token::new("token-0"));
        settings.insert("token".into(), "token-0".into());
    }
    for (name, set, values) in SETTINGS {
        if dice.chance(CHANGED_PERCENT) {
            let value = dice.pick(values);
            set(&mut config, value);
            settings.insert(name.into(), value.into());
        }
    }
    (Value::Object(settings), config)
}

/// The name of the link in `conformance/defaults.json`.
pub(super) fn link_id() -> LinkId {
    #[expect(clippy::expect_used, reason = "the name is fixed, and a test makes traces")]
    LinkId::new("link-0001").expect("a name")
}
