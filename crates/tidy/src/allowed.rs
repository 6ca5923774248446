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
        path: "crates/server/src/clock.rs",
        subject: "Instant::now",
        reason: "the one place of the server that asks for the time",
    },
    Allowed {
        rule: Rule::Call,
        path: "crates/server/src/clock.rs",
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
];
