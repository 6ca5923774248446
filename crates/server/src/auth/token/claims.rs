//! The claims of a token: its holder, its time, and the channels that it permits.
//!
//! In: the JSON of a token whose signature is right. Out: claims, or which of them cannot be
//! understood. Claims of other systems are ignored. Errors name a claim, and never repeat its
//! value.

use super::TokenError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steadfast_hub::Pattern;
use steadfast_protocol::UserId;

/// The claims of a token. All times are in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user whose token it is, as shown to operators. 1 to 255 bytes without control
    /// characters. Users are kept apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<UserId>,
    /// The token's own id, by which it can be revoked. 1 to 255 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// When it expires. Required.
    pub exp: u64,
    /// When it was issued; not in the future.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<u64>,
    /// When it becomes valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// The channels that its holder may follow; at most 256 patterns.
    #[serde(default)]
    pub subscribe: Vec<Pattern>,
    /// The channels that its holder may publish to; at most 256 patterns.
    #[serde(default)]
    pub publish: Vec<Pattern>,
    /// The channels whose followers its holder may see; at most 256 patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presence: Vec<Pattern>,
}

/// Which claim cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// There is no `exp`.
    #[error("`exp` is missing: every token needs an end")]
    NoEnd,
    /// A time is not a number of seconds.
    #[error("`{0}` is not a number of seconds since 1970")]
    BadTime(&'static str),
    /// `sub` is not the name of a user.
    #[error("`sub` is not text of 1 to 255 bytes without control characters")]
    BadSubject,
    /// `iss` is not the issuer of the settings.
    #[error("`iss` is not the issuer that this node expects (`auth.issuer`)")]
    OtherIssuer,
    /// `aud` has none of the audiences of the settings.
    #[error("`aud` names none of the audiences of this node (`auth.audiences`)")]
    OtherAudience,
    /// `jti` is not text of a usable length.
    #[error("`jti` is not text of 1 to {JTI_BYTES_MAX} bytes")]
    BadTokenId,
    /// A list of channels is not a list.
    #[error("`{0}` is not a list of channels")]
    NotAList(&'static str),
    /// A list of channels is too long.
    #[error("`{claim}` has {actual} entries, at most {PATTERNS_MAX} are allowed")]
    TooManyPatterns {
        /// The claim.
        claim: &'static str,
        /// The entries it has.
        actual: usize,
    },
    /// An entry of a list is not a pattern.
    #[error("`{claim}[{index}]` is none of a channel, `prefix:*` and `*`")]
    BadPattern {
        /// The claim.
        claim: &'static str,
        /// Which entry, from 0.
        index: usize,
    },
}

/// The longest `jti`, in bytes.
pub(super) const JTI_BYTES_MAX: usize = 255;
/// The most entries of `subscribe`, of `publish` and of `presence`.
pub(super) const PATTERNS_MAX: usize = 256;

impl Claims {
    /// Refuses claims whose time is over at `now`, in seconds since 1970, the leeway included.
    pub(crate) fn check_end(&self, now: u64, leeway_s: u64) -> Result<(), TokenError> {
        if now >= self.exp.saturating_add(leeway_s) {
            return Err(TokenError::Expired { ago_s: now - self.exp });
        }
        Ok(())
    }

    pub(super) fn from_json(map: &Map<String, Value>) -> Result<Self, ClaimsError> {
        Ok(Self {
            sub: subject(map)?,
            jti: token_id(map)?,
            exp: time(map, "exp")?.ok_or(ClaimsError::NoEnd)?,
            iat: time(map, "iat")?,
            nbf: time(map, "nbf")?,
            subscribe: patterns(map, "subscribe")?,
            publish: patterns(map, "publish")?,
            presence: patterns(map, "presence")?,
        })
    }
}

fn subject(map: &Map<String, Value>) -> Result<Option<UserId>, ClaimsError> {
    match map.get("sub") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let user = value.as_str().and_then(|text| UserId::new(text).ok());
            user.map(Some).ok_or(ClaimsError::BadSubject)
        }
    }
}

fn token_id(map: &Map<String, Value>) -> Result<Option<String>, ClaimsError> {
    match map.get("jti") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if (1..=JTI_BYTES_MAX).contains(&text.len()) => {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(ClaimsError::BadTokenId),
    }
}

fn time(map: &Map<String, Value>, claim: &'static str) -> Result<Option<u64>, ClaimsError> {
    match map.get(claim) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().or_else(|| whole_seconds(value)) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(ClaimsError::BadTime(claim)),
        },
    }
}

/// A NumericDate may have a fraction, which some issuers write.
fn whole_seconds(value: &Value) -> Option<u64> {
    let seconds = value.as_f64()?;
    let sane = (0.0..1e15).contains(&seconds);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to lie between 0 and 1e15; the fraction is to be dropped"
    )]
    sane.then_some(seconds as u64)
}

fn patterns(map: &Map<String, Value>, claim: &'static str) -> Result<Vec<Pattern>, ClaimsError> {
    let list = match map.get(claim) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(ClaimsError::NotAList(claim)),
    };
    if list.len() > PATTERNS_MAX {
        return Err(ClaimsError::TooManyPatterns { claim, actual: list.len() });
    }
    let parsed = list.iter().enumerate().map(|(index, value)| {
        let pattern = value.as_str().and_then(|text| text.parse().ok());
        pattern.ok_or(ClaimsError::BadPattern { claim, index })
    });
    parsed.collect()
}
