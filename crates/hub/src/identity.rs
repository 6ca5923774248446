//! Who speaks on a session, and which credential says so. Verified elsewhere; the hub compares it.

use alloc::boxed::Box;

use steadfast_protocol::UserId;

/// What a session's token says of its holder and of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The user. Links and idempotency keys of one user are apart from those of all others.
    pub user: Option<UserId>,
    /// The credential's own id.
    pub credential: Option<Box<str>>,
    /// When the credential was issued, in seconds since 1970.
    pub issued_s: Option<u64>,
}
