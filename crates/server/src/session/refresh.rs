//! A newer token of a session that goes on. In: the token of a `refresh`. Out: what it says, or why
//! it is refused, for the hub. It is checked on a task of its own, since its key may have to be
//! fetched.

use hyper::StatusCode;
use steadfast_hub::{RefusedRenewal, Renewal};
use steadfast_protocol::{Scalar, Token};

use super::broker_requests::{ReplyTarget, run};
use super::end_if_revoked;
use crate::auth::admission::Admission;
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
            let key = target.key;
            let renewal = renewal.map_err(|error| refused(target.counted(error.into())));
            let is_taken = target.shard.with(|hub, now| hub.refreshed(now, key, id, renewal));
            if is_taken {
                // It may have been revoked while it was checked.
                end_if_revoked(&target.node, &target.shard, key, identity.as_deref());
            }
        });
    }

    /// The problem of a token itself; or, if it is one of too many refused tokens of the client's
    /// address, that.
    fn counted(&self, problem: Problem) -> Problem {
        let address = self.shard.with(|hub, _| hub.address(self.key));
        match address {
            Some(address) if problem.status() == StatusCode::UNAUTHORIZED => {
                self.node.access.checked(self.node.clock.now(), address, problem)
            }
            Some(_) | None => problem,
        }
    }
}

/// A session is told of a refused token as a request is.
fn refused(problem: Problem) -> RefusedRenewal {
    let Problem { code, detail, retry_after_s } = problem;
    RefusedRenewal {
        code: code.as_str(),
        message: detail.into(),
        retry_after_ms: retry_after_s.map(|seconds| u64::from(seconds) * 1000),
    }
}
