//! The five states a link shows to its app, and the reasons for entering them.

/// What an app is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "snake_case"))]
pub enum LinkState {
    /// At rest: not trying.
    Disconnected,
    /// The first attempt.
    Connecting,
    /// A WebSocket session is live.
    Connected,
    /// Any later attempt.
    Reconnecting,
    /// Events arrive by polling; WebSocket attempts go on.
    Fallback,
}

/// Why a state was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "snake_case"))]
pub enum Reason {
    /// The app asked to connect.
    Asked,
    /// The app closed the link.
    Closed,
    /// Every channel has ended.
    Finished,
    /// The server gave a code that forbids retrying.
    Rejected,
    /// The device reports no network. Ends by itself.
    Offline,
    /// The device reports a network again, or another one.
    NetworkRestored,
    /// A session was welcomed.
    Welcomed,
    /// The socket was closed or lost.
    Lost,
    /// No sign of life within the heartbeat timeout.
    HeartbeatTimeout,
    /// No welcome within the connection timeout.
    ConnectTimeout,
    /// The socket could not be opened.
    Unreachable,
    /// The server asked to reconnect.
    ServerAsked,
    /// WebSocket does not get through while HTTP does.
    #[cfg_attr(feature = "scenario", serde(rename = "websocket_blocked"))]
    WebSocketBlocked,
}

impl LinkState {
    /// The word that users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Fallback => "fallback",
        }
    }
}

impl Reason {
    /// The word that users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Closed => "closed",
            Self::Finished => "finished",
            Self::Rejected => "rejected",
            Self::Offline => "offline",
            Self::NetworkRestored => "network_restored",
            Self::Welcomed => "welcomed",
            Self::Lost => "lost",
            Self::HeartbeatTimeout => "heartbeat_timeout",
            Self::ConnectTimeout => "connect_timeout",
            Self::Unreachable => "unreachable",
            Self::ServerAsked => "server_asked",
            Self::WebSocketBlocked => "websocket_blocked",
        }
    }
}
