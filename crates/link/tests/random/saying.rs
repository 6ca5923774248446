//! What must be true of what people are told, whatever the link was told.

use steadfast_link::{LinkState, Message, MessageCode, Reason, Severity};

/// The message that is to be seen.
#[derive(Default)]
pub(crate) struct Saying {
    shown: Option<Message>,
    /// When the message that is shown says that the link tries again.
    retry_at: Option<u64>,
    put_up_at: Option<u64>,
}

impl Saying {
    pub(crate) fn on_message(&mut self, now: u64, message: Option<Message>) {
        let retry_in = message.and_then(|message| message.retry_in_ms);
        let retry_at = retry_in.map(|span| now + span);
        let is_same = self.shown == message && self.retry_at == retry_at;
        assert!(!is_same, "{message:?} was told twice");
        (self.shown, self.retry_at) = (message, retry_at);
        let Some(Message { code, severity, .. }) = message else { return };
        let paced = self.put_up_at.replace(now).is_none_or(|at| at + 5000 <= now);
        assert!(paced || code == MessageCode::Recovered, "{code:?} comes too soon");
        assert!(severity > Severity::Silent && severity <= code.severity(), "{message:?}");
    }

    /// What is to be seen is true of this state.
    pub(crate) fn check(&self, state: Option<(LinkState, Reason)>, is_offline: bool) {
        let Some(Message { code, retry_in_ms, .. }) = self.shown else { return };
        let (state, reason) = state.unwrap_or((LinkState::Disconnected, Reason::Closed));
        let is_at_rest = state == LinkState::Disconnected;
        let is_connected = state == LinkState::Connected;
        assert_eq!(retry_in_ms.is_some(), code == MessageCode::SrvBusy, "{code:?}");
        let is_true = match code {
            MessageCode::Recovered => state == LinkState::Connected,
            MessageCode::LinkFallback => state == LinkState::Fallback,
            MessageCode::LinkSlow => matches!(state, LinkState::Connected | LinkState::Fallback),
            MessageCode::GapLost => !(is_at_rest && reason == Reason::Closed),
            // While it polls, too: then polls go unanswered.
            MessageCode::LinkReconnecting => !is_offline && !is_at_rest && !is_connected,
            MessageCode::SrvBusy | MessageCode::SrvMaint | MessageCode::Captive => {
                !is_offline && matches!(state, LinkState::Connecting | LinkState::Reconnecting)
            }
            MessageCode::NetOffline => is_offline && is_at_rest && reason == Reason::Offline,
            MessageCode::Policy
            | MessageCode::Disconnected
            | MessageCode::Replaced
            | MessageCode::AuthRequired
            | MessageCode::AuthExpired => is_at_rest && reason == Reason::Rejected,
            // Nothing that a link is told speaks for it yet.
            MessageCode::ClockSkew => false,
        };
        assert!(is_true, "{code:?} while {state:?} because of {reason:?}");
    }
}
