//! A newer token for a session that goes on. In: what the new token says, once it is checked, or
//! why it is refused. Out: other grants and another end, channels that it does not permit any more,
//! and the answer. P-39

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Rate};
use steadfast_protocol::{ErrorCode, ErrorFrame, Scalar, ServerFrame, Token};

use super::Hub;
use super::frames::error_frame;
use crate::{FrameRequest, Grants, HubConfig, Identity, SessionKey};

/// The pieces of the bucket that one token takes: it is refilled by so many of them in a minute as
/// there may be tokens.
const PIECES: u32 = 60;

/// What a newer token says.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    /// Whose it is.
    pub identity: Option<Arc<Identity>>,
    /// What it permits.
    pub grants: Grants,
    /// When it ends.
    pub expires: Option<Millis>,
}

/// Why a newer token is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRenewal {
    /// The stable word.
    pub code: &'static str,
    /// In words, for a developer.
    pub message: Box<str>,
    /// When the same token may be taken, where that is possible.
    pub retry_after_ms: Option<u64>,
}

pub(super) const fn full_rate(now: Millis, config: &HubConfig) -> Rate {
    Rate::new(now, burst(config))
}

const fn burst(config: &HubConfig) -> u32 {
    config.token_refreshes_per_minute_max.saturating_mul(PIECES)
}

impl Hub {
    /// The token of a `refresh` is to be checked, unless there were too many.
    pub(super) fn refresh(
        &mut self,
        now: Millis,
        key: SessionKey,
        id: Option<Scalar>,
        token: Token,
    ) -> Option<FrameRequest> {
        let a_minute = self.config.token_refreshes_per_minute_max;
        let limits = (a_minute, burst(&self.config));
        let session = self.session(key)?;
        match session.refresh_rate.take(now, PIECES as usize, limits) {
            Ok(()) => Some(FrameRequest::Refresh { id, token }),
            Err(wait) => {
                let message = format!("a session gets {a_minute} newer tokens a minute");
                let (code, retry_after_ms) = (ErrorCode::RateLimited.as_str(), Some(wait.0));
                let refused = RefusedRenewal { code, message: message.into(), retry_after_ms };
                self.refuse_renewal(now, key, id, refused);
                None
            }
        }
    }

    /// A newer token was checked; whether it is in force. One that is refused, or of another user,
    /// leaves the session as it is, up to the end that it had.
    pub fn refreshed(
        &mut self,
        now: Millis,
        key: SessionKey,
        id: Option<Scalar>,
        renewal: Result<Renewal, RefusedRenewal>,
    ) -> bool {
        let Renewal { identity, grants, expires } = match renewal {
            Ok(renewal) => renewal,
            Err(refused) => {
                self.refuse_renewal(now, key, id, refused);
                return false;
            }
        };
        let Some(session) = self.session(key).filter(|session| session.closing.is_none()) else {
            return false;
        };
        let user = identity.as_ref().and_then(|identity| identity.user.as_ref());
        if user != session.user() {
            let message = "the token is of another user; the session goes on with the one it has";
            let frame = error_frame(id, None, ErrorCode::Forbidden, message);
            self.say(now, key, &frame);
            return false;
        }
        session.identity = identity;
        session.grants = grants;
        session.expires = expires;
        session.until = expires.into_iter().chain(session.leaves).min();
        self.totals.refreshed += 1;
        let expires_in_ms = expires.map(|at| at.since(now).0);
        self.say(now, key, &ServerFrame::Refreshed { id, expires_in_ms });
        self.leave_forbidden(now, key);
        self.arm(key);
        true
    }

    /// Takes the channels off a session that its token does not permit any more.
    fn leave_forbidden(&mut self, now: Millis, key: SessionKey) {
        let Some(session) = self.peek(key) else { return };
        let named = session.channels.iter().filter_map(|at| {
            let channel = &self.channels.get(*at as usize)?.name;
            (!session.grants.may_subscribe(channel)).then(|| (*at, channel.clone()))
        });
        for (at, channel) in named.collect::<Vec<_>>() {
            self.leave(key, at);
            let message = "the newer token does not permit following this channel";
            let frame = error_frame(None, Some(channel), ErrorCode::Forbidden, message);
            self.say(now, key, &frame);
        }
    }

    fn refuse_renewal(
        &mut self,
        now: Millis,
        key: SessionKey,
        id: Option<Scalar>,
        RefusedRenewal { code, message, retry_after_ms }: RefusedRenewal,
    ) {
        let code = code.into();
        let retry = retry_after_ms.is_some();
        let frame = ErrorFrame { id, channel: None, code, message, retry, retry_after_ms };
        self.say(now, key, &ServerFrame::Error(frame));
    }
}
