//! What a client may do, once its token is checked: who it is, which channels, until when. In: a
//! token. Out: an [`Admission`], or why there is none. Signatures that take long to check are
//! checked apart from the threads that serve sockets.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use steadfast_broker::clock::Clock;
use steadfast_hub::{Grants, Identity};
use steadfast_machine::{Millis, Span};
use tokio::sync::Semaphore;

use super::jwks::{JwksKeys, JwksReport};
use super::token::{Claims, KeyDigest, LoadedKeys, TokenError, Verifier};
use crate::config::Config;
use crate::error::ServeError;

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
        let Claims { sub: user, jti, iat: issued_s, subscribe, publish, presence, .. } = claims;
        let identity = Identity { user, credential: jti.map(Into::into), issued_s };
        let is_known = identity != Identity::default();
        Self {
            identity: is_known.then(|| Arc::new(identity)),
            grants: Grants { subscribe, publish, presence },
            expires: Some(expires),
        }
    }
}

/// Checks the tokens of a node.
#[derive(Debug)]
pub(crate) struct Admissions {
    /// With the keys of the settings.
    verifier: RwLock<Option<Arc<Verifier>>>,
    /// What it was made of.
    digest: Mutex<Option<KeyDigest>>,
    /// Keys behind a URL, whose verifier is then the one in force.
    jwks: Option<Arc<JwksKeys>>,
    leeway_s: u64,
    /// Slow signatures that may wait or be checked.
    room: Semaphore,
    waiting_max: usize,
    /// Slow signatures that are checked at once: the other cores serve sockets.
    workers: Semaphore,
}

impl Admissions {
    /// Reads the keys of the settings.
    pub(crate) fn new(config: &Config, clock: Clock) -> Result<Self, ServeError> {
        let loaded = Self::load(config)?;
        let digest = loaded.as_ref().map(|loaded| loaded.digest);
        let verifier = loaded.map(|loaded| Arc::new(loaded.verifier));
        let jwks = match &verifier {
            Some(own) => JwksKeys::new(&config.auth.jwks, own, clock).map_err(ServeError::Keys)?,
            None => None,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let waiting_max = config.limits.tokens_waiting_max;
        Ok(Self {
            verifier: RwLock::new(verifier),
            digest: Mutex::new(digest),
            jwks,
            leeway_s: config.auth.leeway_s,
            room: Semaphore::new(waiting_max),
            waiting_max,
            workers: Semaphore::new((cores / 2).max(1)),
        })
    }

    /// Reads the keys of the settings, which are none in `--dev`.
    pub(crate) fn load(config: &Config) -> Result<Option<LoadedKeys>, ServeError> {
        let loaded = if config.dev { Ok(None) } else { LoadedKeys::read(&config.auth) };
        loaded.map_err(|faults| {
            let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
            ServeError::Keys(all.join("; "))
        })
    }

    /// Checks tokens with other keys of the settings from now on. Returns whether they differ.
    pub(crate) fn replace(&self, loaded: Option<LoadedKeys>) -> bool {
        let digest = loaded.as_ref().map(|loaded| loaded.digest);
        if std::mem::replace(&mut *self.digest.lock(), digest) == digest {
            return false;
        }
        let verifier = loaded.map(|loaded| loaded.verifier);
        if let (Some(jwks), Some(own)) = (&self.jwks, &verifier) {
            jwks.replace_own(own.clone());
        }
        *self.verifier.write() = verifier.map(Arc::new);
        true
    }

    /// The claims of a token.
    pub(crate) async fn claims(
        &self,
        clock: Clock,
        token: Option<&str>,
    ) -> Result<Claims, TokenError> {
        let own = self.verifier.read().clone().ok_or(TokenError::Missing)?;
        let token = token.ok_or(TokenError::Missing)?;
        let Some(jwks) = &self.jwks else { return self.verify(&own, clock, token).await };
        match self.verify(&jwks.verifier(), clock, token).await {
            Err(TokenError::UnknownKey) => {
                let kid = own.kid_of(token);
                let verifier = jwks.after_fetch(kid.as_deref()).await?;
                match self.verify(&verifier, clock, token).await {
                    Err(TokenError::UnknownKey) => Err(jwks.still_unknown(kid.as_deref())),
                    checked => checked,
                }
            }
            checked => checked,
        }
    }

    /// Fetches the keys behind a URL, if there is one, without end.
    pub(crate) async fn keep_keys(&self) {
        if let Some(jwks) = &self.jwks {
            Arc::clone(jwks).run().await;
        }
    }

    /// Waits a moment for the first keys from a URL, if there is one.
    pub(crate) async fn first_keys(&self) {
        if let Some(jwks) = &self.jwks {
            jwks.first().await;
        }
    }

    /// What is known of keys behind a URL, if there is one.
    pub(crate) fn jwks(&self) -> Option<JwksReport> {
        self.jwks.as_ref().map(|jwks| jwks.report())
    }

    /// The keys behind a URL, if there is one.
    #[cfg(test)]
    pub(super) fn jwks_keys(&self) -> Option<Arc<JwksKeys>> {
        self.jwks.clone()
    }

    async fn verify(
        &self,
        verifier: &Arc<Verifier>,
        clock: Clock,
        token: &str,
    ) -> Result<Claims, TokenError> {
        let now_unix_s = clock.date().0 / 1000;
        if verifier.is_slow(token) {
            self.verify_apart(verifier, token, now_unix_s).await
        } else {
            verifier.verify(token, now_unix_s)
        }
    }

    /// What checked claims permit, and until when.
    pub(crate) fn admission(&self, clock: Clock, claims: Claims) -> Admission {
        let ends = claims.exp.saturating_add(self.leeway_s).saturating_mul(1000);
        let expires = clock.now() + Span(ends.saturating_sub(clock.date().0));
        Admission::of(claims, expires)
    }

    /// Tokens with slow signatures that are not checked yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting_max - self.room.available_permits()
    }

    async fn verify_apart(
        &self,
        verifier: &Arc<Verifier>,
        token: &str,
        now_unix_s: u64,
    ) -> Result<Claims, TokenError> {
        let _room = self.room.try_acquire().map_err(|_| TokenError::Busy)?;
        let _worker = self.workers.acquire().await.map_err(|_| TokenError::Busy)?;
        let (verifier, token) = (Arc::clone(verifier), token.to_owned());
        let checked = tokio::task::spawn_blocking(move || verifier.verify(&token, now_unix_s));
        checked.await.unwrap_or(Err(TokenError::Busy))
    }
}
