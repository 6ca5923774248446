//! Every exception to the house rules, each with its reason. An entry that is no longer needed
//! fails the build, so the list only ever holds what is true.

use crate::allow::Allowed;
use crate::finding::Rule;

/// The exceptions.
pub const ALLOWED: &[Allowed] = &[
    Allowed {
        rule: Rule::Call,
        path: "crates/client/src/clock.rs",
        subject: "Instant::now",
        reason: "the one place of the client that asks for the time",
    },
    Allowed {
        rule: Rule::Call,
        path: "crates/client/src/clock.rs",
        subject: "SystemTime::now",
        reason: "beside the monotonic clock it shows that the device slept",
    },
    Allowed {
        rule: Rule::Call,
        path: "crates/broker/src/clock.rs",
        subject: "Instant::now",
        reason: "the one place of the server that asks for the time",
    },
    Allowed {
        rule: Rule::Call,
        path: "crates/broker/src/clock.rs",
        subject: "SystemTime::now",
        reason: "the one place of the server that asks for the date",
    },
    Allowed {
        rule: Rule::Call,
        path: "crates/cli/src/clock.rs",
        subject: "Instant::now",
        reason: "the one place of the commands that asks for the time",
    },
    Allowed {
        rule: Rule::Call,
        path: "crates/cli/src/clock.rs",
        subject: "SystemTime::now",
        reason: "the one place of the commands that asks for the date",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/link/src/coordinator/invariants.rs",
        subject: "",
        reason: "assertions of debug builds, which the other language has not; traces replay them",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/link/src/message/walk.rs",
        subject: "",
        reason: "a test: whatever it finds, traces with messages show in the other language",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/link/src/scenario.rs",
        subject: "",
        reason: "the words of scenarios, which are the types themselves in the other language",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/link/src/wake.rs",
        subject: "",
        reason: "why a link wakes is for who reads a log; phones are spared the bytes",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/machine/src/rate.rs",
        subject: "",
        reason: "the rates of a server; a client paces itself in link/pacer",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/protocol/src/codec/json/decode.rs",
        subject: "",
        reason: "the other language has its own JSON, and one file for both directions",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/protocol/src/codec/json/encode.rs",
        subject: "",
        reason: "the other language has its own JSON, and one file for both directions",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/protocol/src/codec/json/stats.rs",
        subject: "",
        reason: "a server reads what links say of themselves; a client only writes it",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/protocol/src/codec/legacy.rs",
        subject: "",
        reason: "what a server says to clients of version 2, which are no clients of ours",
    },
    Allowed {
        rule: Rule::Twin,
        path: "crates/protocol/src/codec/sse.rs",
        subject: "",
        reason: "a server writes event streams, and no client of ours reads them",
    },
];
