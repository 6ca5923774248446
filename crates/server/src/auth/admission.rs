//! What a client may do, once its token is checked: who it is, which channels, until when.

use std::sync::Arc;

use steadfast_hub::{Grants, Identity};
use steadfast_machine::Millis;

use super::token::Claims;

/// What a checked token permits.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// Who it is, if the token says so.
    pub identity: Option<Arc<Identity>>,
    /// The channels.
    pub grants: Grants,
    /// When it ends.
    pub expires: Option<Millis>,
}

impl Admission {
    /// Everything, for nobody in particular, without end.
    pub fn everything() -> Self {
        Self { grants: Grants::everything(), ..Self::default() }
    }

    /// What these claims permit, until `expires`.
    pub fn of(claims: Claims, expires: Millis) -> Self {
        let Claims { sub: user, jti, iat: issued_s, subscribe, publish, .. } = claims;
        let identity = Identity { user, credential: jti.map(Into::into), issued_s };
        let is_known = identity != Identity::default();
        Self {
            identity: is_known.then(|| Arc::new(identity)),
            grants: Grants { subscribe, publish },
            expires: Some(expires),
        }
    }
}
