//! The codes of everything that people are told, from the least severe to the most. A code is
//! stable; its texts are in `messages/catalogue.json`, and none of them is here.

use steadfast_machine::Span;

/// What people are told. Ordered by how much it matters to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "SCREAMING_SNAKE_CASE"))]
pub enum MessageCode {
    /// Events flow again, after an outage that people were told of loudly.
    Recovered,
    /// The network has been poor for a while.
    LinkSlow,
    /// Events arrive by polling.
    LinkFallback,
    /// Events are missing that cannot be given any more.
    GapLost,
    /// A session is being got.
    LinkReconnecting,
    /// The server has no room now and said so.
    SrvBusy,
    /// The server left by plan, and is not back yet.
    SrvMaint,
    /// The device reports no network.
    NetOffline,
    /// The network sends everything to a page of its own.
    Captive,
    /// The server will not have this link, or none of its channels.
    Policy,
    /// An operator of the server ended this link.
    Disconnected,
    /// A newer session of the same link took over.
    Replaced,
    /// The token's times do not fit the server's clock.
    ClockSkew,
    /// The server wants a token, and the app has none.
    AuthRequired,
    /// The token was refused, and the app had no better one.
    AuthExpired,
}

/// How loudly a message is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "snake_case"))]
pub enum Severity {
    /// Not at all.
    Silent,
    /// Small, in passing.
    Info,
    /// A banner.
    Warn,
    /// A banner that stays until people act.
    Block,
}

impl MessageCode {
    /// Every code, the least severe first.
    pub const ALL: [Self; 15] = [
        Self::Recovered,
        Self::LinkSlow,
        Self::LinkFallback,
        Self::GapLost,
        Self::LinkReconnecting,
        Self::SrvBusy,
        Self::SrvMaint,
        Self::NetOffline,
        Self::Captive,
        Self::Policy,
        Self::Disconnected,
        Self::Replaced,
        Self::ClockSkew,
        Self::AuthRequired,
        Self::AuthExpired,
    ];

    /// The word in the catalogue and on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recovered => "RECOVERED",
            Self::LinkSlow => "LINK_SLOW",
            Self::LinkFallback => "LINK_FALLBACK",
            Self::GapLost => "GAP_LOST",
            Self::LinkReconnecting => "LINK_RECONNECTING",
            Self::SrvBusy => "SRV_BUSY",
            Self::SrvMaint => "SRV_MAINT",
            Self::NetOffline => "NET_OFFLINE",
            Self::Captive => "CAPTIVE",
            Self::Policy => "POLICY",
            Self::Disconnected => "DISCONNECTED",
            Self::Replaced => "REPLACED",
            Self::ClockSkew => "CLOCK_SKEW",
            Self::AuthRequired => "AUTH_REQUIRED",
            Self::AuthExpired => "AUTH_EXPIRED",
        }
    }

    /// How loudly it is said at most: an outage that may heal by itself is said softly at first.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Recovered | Self::LinkSlow | Self::LinkFallback => Severity::Info,
            Self::GapLost
            | Self::LinkReconnecting
            | Self::SrvBusy
            | Self::SrvMaint
            | Self::NetOffline => Severity::Warn,
            Self::Captive
            | Self::Policy
            | Self::Disconnected
            | Self::Replaced
            | Self::ClockSkew
            | Self::AuthRequired
            | Self::AuthExpired => Severity::Block,
        }
    }

    /// How long it must have been so before it is said.
    pub const fn show_after(self) -> Span {
        match self {
            Self::LinkFallback
            | Self::LinkReconnecting
            | Self::SrvBusy
            | Self::NetOffline
            | Self::Captive => Span::seconds(3),
            Self::SrvMaint => Span::seconds(10),
            Self::LinkSlow => Span::seconds(30),
            Self::Recovered
            | Self::GapLost
            | Self::Policy
            | Self::Disconnected
            | Self::Replaced
            | Self::ClockSkew
            | Self::AuthRequired
            | Self::AuthExpired => Span::ZERO,
        }
    }

    /// Whether it goes away without people doing anything.
    pub const fn heals(self) -> bool {
        match self {
            Self::Recovered
            | Self::LinkSlow
            | Self::LinkFallback
            | Self::LinkReconnecting
            | Self::SrvBusy
            | Self::SrvMaint
            | Self::NetOffline => true,
            Self::GapLost
            | Self::Captive
            | Self::Policy
            | Self::Disconnected
            | Self::Replaced
            | Self::ClockSkew
            | Self::AuthRequired
            | Self::AuthExpired => false,
        }
    }
}

impl Severity {
    /// The word in the catalogue and on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}
