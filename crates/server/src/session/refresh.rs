//! A newer token of a session that goes on. In: the token of a `refresh`. Out: what it says, or why
//! it is refused, for the hub. It is checked on a task of its own, since its key may have to be
//! fetched.

use steadfast_hub::{RefusedRenewal, Renewal};
use steadfast_protocol::{Scalar, Token};

use super::broker_requests::{ReplyTarget, run};
use super::end_if_revoked;
use crate::auth::admission::Admission;
use crate::auth::token::TokenError;
use crate::problem::Problem;

impl ReplyTarget {
    /// Checks a newer token and hands the hub what it says.
    pub(super) fn refresh(&self, id: Option<Scalar>, token: Token) {
        let target = self.clone();
        run(async move {
            let renewal = target.node.admit(Some(token.expose())).await;
            let renewal = renewal.map(|Admission { identity, grants, expires }| Renewal {
                identity,
                grants,
                expires,
            });
            let identity = renewal.as_ref().ok().and_then(|renewal| renewal.identity.clone());
            let renewal = renewal.map_err(refused);
            let key = target.key;
            let is_taken = target.shard.with(|hub, now| hub.refreshed(now, key, id, renewal));
            if is_taken {
                // It may have been revoked while it was checked.
                end_if_revoked(&target.node, &target.shard, key, identity.as_deref());
            }
        });
    }
}

/// A session is told of a refused token as a request is.
fn refused(error: TokenError) -> RefusedRenewal {
    let Problem { code, detail, retry_after_s } = error.into();
    RefusedRenewal {
        code: code.as_str(),
        message: detail.into(),
        retry_after_ms: retry_after_s.map(|seconds| u64::from(seconds) * 1000),
    }
}
