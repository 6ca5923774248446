//! Close codes and what each tells a client to do. The table of PROTOCOL.md, in code.

use core::fmt;

/// Why a WebSocket was closed: a code of RFC 6455, or one of ours in 4000–4499.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

/// What a client does about a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Reconnect by the usual schedule and resume.
    RetryNow,
    /// Reconnect, but no sooner than the server's hint, or the schedule without one.
    RetryAfter,
    /// Get a new token, then reconnect; stop when a new token is refused too.
    RefreshToken,
    /// Reconnect to the endpoint that `go_away` named.
    MoveTo,
    /// Do not come back with the same request.
    Never,
}

/// The reason that goes with [`CloseCode::GOING_AWAY`] when a peer fell silent.
pub const STALE_REASON: &str = "Connection stale";
/// The reason that goes with [`CloseCode::POLICY`] when a path fits no route.
pub const PATH_REASON: &str = "Invalid path";

impl CloseCode {
    /// A wanted end.
    pub const NORMAL: Self = Self(1000);
    /// The peer fell silent, or the server leaves.
    pub const GOING_AWAY: Self = Self(1001);
    /// Broken WebSocket framing.
    pub const PROTOCOL: Self = Self(1002);
    /// A binary message where only text is spoken.
    pub const UNSUPPORTED: Self = Self(1003);
    /// No close frame came at all. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// Text that is not UTF-8.
    pub const NOT_UTF8: Self = Self(1007);
    /// A path or request against the rules.
    pub const POLICY: Self = Self(1008);
    /// A message over the size limit.
    pub const TOO_BIG: Self = Self(1009);
    /// The server failed.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts.
    pub const RESTART: Self = Self(1012);
    /// The server is full.
    pub const TRY_LATER: Self = Self(1013);

    /// The session could not keep up: come back and resume from history.
    pub const TOO_SLOW: Self = Self(4000);
    /// No `hello` came in time.
    pub const HELLO_TIMEOUT: Self = Self(4001);
    /// An operator asked this session to reconnect.
    pub const RECONNECT: Self = Self(4002);
    /// More frames than the rate allows.
    pub const RATE_LIMITED: Self = Self(4100);
    /// The server drains and named no other place.
    pub const DRAINING: Self = Self(4101);
    /// The broker cannot be reached. Kept and not sent: a session waits for its broker.
    pub const BROKER_UNAVAILABLE: Self = Self(4102);
    /// The token is past its time.
    pub const TOKEN_EXPIRED: Self = Self(4200);
    /// No token came where one is needed.
    pub const TOKEN_MISSING: Self = Self(4201);
    /// The token is not ours, or was changed.
    pub const TOKEN_REJECTED: Self = Self(4202);
    /// The token is of a time to come: a clock is wrong.
    pub const TOKEN_NOT_YET_VALID: Self = Self(4203);
    /// Served elsewhere from now on.
    pub const MOVED: Self = Self(4300);
    /// A frame that the protocol forbids, or too many that cannot be read.
    pub const VIOLATION: Self = Self(4400);
    /// A newer session of the same link is here.
    pub const REPLACED: Self = Self(4401);
    /// An operator ended this session.
    pub const DISCONNECTED: Self = Self(4402);
    /// The token permits nothing that was asked.
    pub const FORBIDDEN: Self = Self(4403);

    /// All codes that either side of this protocol sends.
    pub const KNOWN: [Self; 26] = [
        Self::NORMAL,
        Self::GOING_AWAY,
        Self::PROTOCOL,
        Self::UNSUPPORTED,
        Self::ABNORMAL,
        Self::NOT_UTF8,
        Self::POLICY,
        Self::TOO_BIG,
        Self::INTERNAL,
        Self::RESTART,
        Self::TRY_LATER,
        Self::TOO_SLOW,
        Self::HELLO_TIMEOUT,
        Self::RECONNECT,
        Self::RATE_LIMITED,
        Self::DRAINING,
        Self::BROKER_UNAVAILABLE,
        Self::TOKEN_EXPIRED,
        Self::TOKEN_MISSING,
        Self::TOKEN_REJECTED,
        Self::TOKEN_NOT_YET_VALID,
        Self::MOVED,
        Self::VIOLATION,
        Self::REPLACED,
        Self::DISCONNECTED,
        Self::FORBIDDEN,
    ];

    /// What a client does about this code. Unknown codes are retried, after a while.
    pub const fn advice(self) -> Advice {
        match self.0 {
            1001 | 1005 | 1006 | 1012 | 4000..=4099 => Advice::RetryNow,
            1000 | 1002 | 1003 | 1007..=1010 | 4400..=4499 => Advice::Never,
            4200..=4299 => Advice::RefreshToken,
            4300..=4399 => Advice::MoveTo,
            _ => Advice::RetryAfter,
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Advice, CloseCode};

    /// P-50, P-51, P-52
    #[test]
    fn every_class_of_close_codes_has_one_advice() {
        let table = [
            (CloseCode::GOING_AWAY, Advice::RetryNow),
            (CloseCode::ABNORMAL, Advice::RetryNow),
            (CloseCode::RESTART, Advice::RetryNow),
            (CloseCode::TOO_SLOW, Advice::RetryNow),
            (CloseCode(4099), Advice::RetryNow),
            (CloseCode::INTERNAL, Advice::RetryAfter),
            (CloseCode::TRY_LATER, Advice::RetryAfter),
            (CloseCode::DRAINING, Advice::RetryAfter),
            (CloseCode(4199), Advice::RetryAfter),
            (CloseCode(4999), Advice::RetryAfter),
            (CloseCode(3000), Advice::RetryAfter),
            (CloseCode::TOKEN_EXPIRED, Advice::RefreshToken),
            (CloseCode::TOKEN_NOT_YET_VALID, Advice::RefreshToken),
            (CloseCode(4299), Advice::RefreshToken),
            (CloseCode::MOVED, Advice::MoveTo),
            (CloseCode::NORMAL, Advice::Never),
            (CloseCode::POLICY, Advice::Never),
            (CloseCode::TOO_BIG, Advice::Never),
            (CloseCode::REPLACED, Advice::Never),
            (CloseCode(4499), Advice::Never),
        ];
        for (code, advice) in table {
            assert_eq!(code.advice(), advice, "{code}");
        }
    }
}
