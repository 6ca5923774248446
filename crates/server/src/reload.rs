//! Takes a changed configuration into use while the node runs. In: what loads it, when SIGHUP
//! comes. Out: other keys, origins and certificates for what comes next, and lines that say what
//! has changed, what needs a restart, or why nothing has changed. What is open stays open.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::auth::admission::Admissions;
use crate::auth::origin::Origins;
use crate::backend_api::BackendKeys;
use crate::config::Config;
use crate::error::ServeError;
use crate::net::tls::TlsPorts;
use crate::node::Node;

/// Loads the configuration again, from the same places as at the start, or says in one line why
/// that cannot be.
pub type LoadConfig = dyn Fn() -> Result<Config, String> + Send + Sync;

/// The settings in force, and what became of reloads.
#[derive(Debug)]
pub(crate) struct ReloadState {
    /// Those of the start, with what reloads have changed since.
    running: Mutex<Config>,
    /// What an operator should know of the last reload.
    warning: Mutex<Option<String>>,
    changed: AtomicU64,
    unchanged: AtomicU64,
    failed: AtomicU64,
}

/// What a reload came to, by the names of settings.
struct ReloadOutcome {
    changed: BTreeSet<String>,
    needs_restart: BTreeSet<String>,
}

impl ReloadState {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            running: Mutex::new(config),
            warning: Mutex::default(),
            changed: AtomicU64::new(0),
            unchanged: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Notes the settings as they were loaded, where the start has lowered some.
    pub(crate) fn started_with(&self, config: Config) {
        *self.running.lock() = config;
    }

    fn note(&self, applied: &Result<ReloadOutcome, String>) {
        let (counter, warning) = match applied {
            Ok(ReloadOutcome { changed, needs_restart }) => {
                let counter = if changed.is_empty() { &self.unchanged } else { &self.changed };
                let settings = listed(needs_restart);
                let warning = format!("a restart is needed for changed settings: {settings}");
                (counter, (!needs_restart.is_empty()).then_some(warning))
            }
            Err(wrong) => {
                (&self.failed, Some(format!("the changed configuration cannot be used: {wrong}")))
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        *self.warning.lock() = warning;
    }

    /// How many there were, by result.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 3] {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("changed", count(&self.changed)),
            ("failed", count(&self.failed)),
            ("unchanged", count(&self.unchanged)),
        ]
    }

    /// What an operator should know of the last reload.
    pub(crate) fn warning(&self) -> Option<String> {
        self.warning.lock().clone()
    }
}

/// Loads the configuration and takes it into use, all of it or nothing.
pub(crate) fn reload(node: &Node, load: &LoadConfig) {
    let applied = load().and_then(|config| {
        let warnings = config.warnings();
        let outcome = apply(node, &config).map_err(|error| error.to_string())?;
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        Ok(outcome)
    });
    // Whoever reads the line may ask for the state at once.
    node.reload.note(&applied);
    match applied {
        Ok(ReloadOutcome { changed, needs_restart }) => {
            let changed = listed(&changed);
            tracing::info!(changed, "SIGHUP: the configuration is loaded");
            if !needs_restart.is_empty() {
                let settings = listed(&needs_restart);
                tracing::warn!(settings, "SIGHUP: a restart is needed for these settings");
            }
        }
        Err(wrong) => {
            tracing::error!(wrong, "SIGHUP: the configuration cannot be used: nothing has changed");
        }
    }
    // The files of certificates may have changed, whatever the configuration says.
    node.tls.reload();
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Makes everything that depends on what has changed, then puts it in place.
fn apply(node: &Node, loaded: &Config) -> Result<ReloadOutcome, ServeError> {
    let mut running = node.reload.running.lock();
    let next = next(&running, loaded);
    let origins = Origins::new(&next.public.allowed_origins, next.dev)?;
    let keys = Admissions::load(&next)?;
    let files = TlsPorts::check(&next)?;

    *node.origins.write() = origins;
    *node.backend_keys.write() = BackendKeys::new(&next.internal).into();
    let have_keys_changed = node.admissions.replace(keys);
    node.tls.replace(files);
    let mut changed = running.differences(&next);
    if have_keys_changed && !changed.iter().any(|name| name.starts_with("auth.")) {
        changed.insert("the files of `auth`".into());
    }
    let needs_restart = next.differences(loaded);
    *running = next;
    Ok(ReloadOutcome { changed, needs_restart })
}

/// The settings of `running`, with those of `loaded` that can change while the node runs.
fn next(running: &Config, loaded: &Config) -> Config {
    let mut next = running.clone();
    let (public, internal, auth) = (&loaded.public, &loaded.internal, &loaded.auth);
    next.public.allowed_origins.clone_from(&public.allowed_origins);
    next.internal.key.clone_from(&internal.key);
    next.internal.key_file.clone_from(&internal.key_file);
    next.internal.keys.clone_from(&internal.keys);
    next.auth.hs256_key.clone_from(&auth.hs256_key);
    next.auth.hs256_key_file.clone_from(&auth.hs256_key_file);
    next.auth.keys.clone_from(&auth.keys);
    next.auth.jwks_file.clone_from(&auth.jwks_file);
    next.auth.issuer.clone_from(&auth.issuer);
    next.auth.audiences.clone_from(&auth.audiences);
    // A port that begins or ceases to speak TLS is another port for its clients.
    if next.public.tls_cert_file.is_some() && public.tls_cert_file.is_some() {
        next.public.tls_cert_file.clone_from(&public.tls_cert_file);
        next.public.tls_key_file.clone_from(&public.tls_key_file);
    }
    if next.internal.tls_cert_file.is_some() && internal.tls_cert_file.is_some() {
        next.internal.tls_cert_file.clone_from(&internal.tls_cert_file);
        next.internal.tls_key_file.clone_from(&internal.tls_key_file);
        next.internal.tls_client_ca_file.clone_from(&internal.tls_client_ca_file);
        next.internal.tls_client_certificates = internal.tls_client_certificates;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::reload;
    use crate::config::{Config, Secret};
    use crate::node::Node;

    fn config() -> Config {
        let mut config = Config::default();
        config.internal.key = Some(Secret::new("sixteen bytes and more"));
        config.auth.hs256_key = Some(Secret::new([b'k'; 32]));
        config
    }

    fn allows(node: &Node, origin: &str) -> bool {
        node.origins.read().allow(Some(origin), Some("here.example"))
    }

    #[tokio::test]
    async fn what_can_change_changes_and_the_rest_is_named() {
        let node = Node::new(config()).unwrap();
        let mut other = config();
        other.public.allowed_origins = vec!["https://a.example".into()];
        other.internal.key = Some(Secret::new("another key of so many bytes"));
        other.limits.channels_max = 7;
        reload(&node, &move || Ok(other.clone()));
        assert!(allows(&node, "https://a.example"));
        let keys = node.backend_keys.read().clone();
        assert!(keys.find(b"another key of so many bytes").is_some());
        assert!(keys.find(b"sixteen bytes and more").is_none());
        let warning = node.reload.warning().unwrap();
        assert!(warning.ends_with("settings: limits.channels_max"), "{warning}");
        assert_eq!(node.reload.counts(), [("changed", 1), ("failed", 0), ("unchanged", 0)]);

        reload(&node, &|| Ok(config()));
        assert!(!allows(&node, "https://a.example"));
        assert_eq!(node.reload.warning(), None);
        reload(&node, &|| Ok(config()));
        assert_eq!(node.reload.counts(), [("changed", 2), ("failed", 0), ("unchanged", 1)]);
    }

    #[tokio::test]
    async fn of_a_configuration_with_a_mistake_nothing_is_taken() {
        let node = Node::new(config()).unwrap();
        let mut half = config();
        half.public.allowed_origins = vec!["https://a.example".into()];
        half.auth.jwks_file = Some("/nowhere/jwks.json".into());
        reload(&node, &move || Ok(half.clone()));
        assert!(!allows(&node, "https://a.example"));
        assert!(node.reload.warning().unwrap().contains("/nowhere/jwks.json"));
        reload(&node, &|| Err("`public.listen`: no address".to_owned()));
        let warning = node.reload.warning().unwrap();
        assert!(warning.ends_with("cannot be used: `public.listen`: no address"), "{warning}");
        assert_eq!(node.reload.counts(), [("changed", 0), ("failed", 2), ("unchanged", 0)]);
    }
}
