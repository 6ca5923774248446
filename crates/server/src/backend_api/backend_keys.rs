//! The keys of the internal port. In: the settings, a key that was sent, the method and path of a
//! request. Out: whether the key permits it. Keys are compared by their SHA-256, in a time that
//! does not tell how much of one is right.

use std::borrow::Cow;
use std::sync::Arc;

use hyper::Method;
use percent_encoding::percent_decode_str;
use ring::digest::{SHA256, digest};
use steadfast_broker::Secret;
use steadfast_hub::Pattern;
use steadfast_protocol::ChannelName;

use super::publish::PublishTarget;
use crate::config::{BackendRole, InternalSettings};
use crate::problem::{Code, Problem};

/// The path where a key is told what it is.
pub(super) const KEY_PATH: &str = "/v1/key";

/// The keys of a node.
#[derive(Debug)]
pub(crate) struct BackendKeys(Vec<Arc<BackendKey>>);

/// One key, and what it is for.
#[derive(Debug)]
pub(crate) struct BackendKey {
    pub(super) name: Box<str>,
    digest: Secret,
    pub(super) roles: Vec<BackendRole>,
    /// The only channels that it is for; `None` for all, and for what is of no channel.
    pub(super) channels: Option<Vec<Pattern>>,
}

impl BackendKeys {
    pub(crate) fn new(settings: &InternalSettings) -> Self {
        let whole = settings.key.as_ref().map(|key| BackendKey {
            name: "internal.key".into(),
            digest: Secret::new(digest(&SHA256, key.expose())),
            roles: vec![BackendRole::Publish, BackendRole::Read, BackendRole::Operate],
            channels: None,
        });
        let listed = settings.keys.iter().filter_map(|one| {
            let digest = one.digest()?;
            let (roles, channels) = (one.roles.clone(), one.channels.clone());
            let channels = (!channels.is_empty()).then_some(channels);
            Some(BackendKey { name: one.name.as_str().into(), digest, roles, channels })
        });
        Self(whole.into_iter().chain(listed).map(Arc::new).collect())
    }

    /// The key that was sent. All keys are compared, whichever it is.
    pub(crate) fn find(&self, given: &[u8]) -> Option<&Arc<BackendKey>> {
        let given = digest(&SHA256, given);
        let mut found = None;
        for key in &self.0 {
            if key.digest.matches(given.as_ref()) {
                found = found.or(Some(key));
            }
        }
        found
    }
}

impl BackendKey {
    /// Whether it permits this.
    pub(super) fn check(&self, action: &BackendAction<'_>) -> Result<(), Problem> {
        let refused = |why: String| Problem::new(Code::Forbidden, why);
        let (name, Some(role)) = (&self.name, action.role) else { return Ok(()) };
        if !self.roles.contains(&role) {
            return Err(refused(format!("the key `{name}` has not the role `{}`", role.as_str())));
        }
        let Some(channels) = &self.channels else { return Ok(()) };
        let Some(channel) = &action.channel else {
            let detail = format!(
                "the key `{name}` is for some channels alone: use the routes of one channel"
            );
            return Err(refused(detail));
        };
        let is_covered = |channel| channels.iter().any(|pattern| pattern.covers(channel));
        match ChannelName::new(channel) {
            Ok(channel) if !is_covered(&channel) => {
                Err(refused(format!("the key `{name}` is not for this channel")))
            }
            // A name that is none is refused by the route, which says why.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// What a request does, and to which channel if it is a route of one.
#[derive(Debug)]
pub(super) struct BackendAction<'a> {
    /// What it needs; `None` for what any key may ask.
    role: Option<BackendRole>,
    channel: Option<Cow<'a, str>>,
}

impl<'a> BackendAction<'a> {
    /// That of a method on a path.
    pub(super) fn of_request(method: &Method, path: &'a str) -> Self {
        let role = (path != KEY_PATH).then(|| role_of(method, path));
        Self { role, channel: channel_of(path) }
    }

    /// Whether it changes something besides channels' events.
    pub(super) fn is_operation(&self) -> bool {
        self.role == Some(BackendRole::Operate)
    }

    /// The role that it needs, as settings name it; `None` if any key will do.
    pub(super) fn role_name(&self) -> Option<&'static str> {
        self.role.map(BackendRole::as_str)
    }

    /// A publish, to the channel as the path has it or to those that the events name.
    pub(super) fn publish(target: PublishTarget<'a>) -> Self {
        let channel = match target {
            PublishTarget::One(channel) => Some(Cow::Borrowed(channel)),
            PublishTarget::Many => None,
        };
        Self { role: Some(BackendRole::Publish), channel }
    }
}

fn role_of(method: &Method, path: &str) -> BackendRole {
    let is_events = path == "/v1/events" || path.ends_with("/events");
    match *method {
        Method::GET | Method::HEAD => BackendRole::Read,
        Method::POST if is_events => BackendRole::Publish,
        _ => BackendRole::Operate,
    }
}

/// The channel of a path, if it is of one.
fn channel_of(path: &str) -> Option<Cow<'_, str>> {
    let rest = path.strip_prefix("/v1/channels/")?;
    let segment = rest.split('/').next().filter(|segment| !segment.is_empty())?;
    percent_decode_str(segment).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use hyper::Method;

    use super::{BackendAction, BackendKeys};
    use crate::config::{BackendRole, InternalKeySettings, InternalSettings, Secret};

    const WHOLE: &[u8] = b"a key for everything";
    const PART: &[u8] = b"a key for some channels";

    fn keys(roles: &[BackendRole], channels: &[&str]) -> BackendKeys {
        let one = InternalKeySettings {
            name: "part".into(),
            key: Some(Secret::new(PART)),
            key_file: None,
            sha256: None,
            roles: roles.to_vec(),
            channels: channels.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let key = Some(Secret::new(WHOLE));
        BackendKeys::new(&InternalSettings { key, keys: vec![one], ..InternalSettings::default() })
    }

    #[test]
    fn a_key_permits_its_roles_on_its_channels_and_nothing_else() {
        let requests = [
            (Method::POST, "/v1/channels/orders:1/events", BackendRole::Publish),
            (Method::GET, "/v1/channels/orders:1", BackendRole::Read),
            (Method::DELETE, "/v1/channels/orders:1", BackendRole::Operate),
            (Method::POST, "/v1/channels/other:1/events", BackendRole::Publish),
            (Method::GET, "/v1/channels/other%3A1", BackendRole::Read),
            (Method::POST, "/v1/events", BackendRole::Publish),
            (Method::GET, "/v1/channels", BackendRole::Read),
            (Method::GET, "/v1/connections", BackendRole::Read),
            (Method::GET, "/metrics", BackendRole::Read),
            (Method::DELETE, "/v1/connections/1", BackendRole::Operate),
            (Method::POST, "/v1/revocations", BackendRole::Operate),
            (Method::POST, "/v1/drain", BackendRole::Operate),
            (Method::PUT, "/v1/anything", BackendRole::Operate),
        ];
        for role in [BackendRole::Publish, BackendRole::Read, BackendRole::Operate] {
            let everywhere = keys(&[role], &[]);
            let some = keys(&[role], &["orders:*"]);
            for (at, (method, path, needed)) in requests.iter().enumerate() {
                let action = BackendAction::of_request(method, path);
                let check = |keys: &BackendKeys| keys.find(PART).unwrap().check(&action).is_ok();
                assert_eq!(check(&everywhere), *needed == role, "{method} {path} {role:?}");
                assert_eq!(check(&some), *needed == role && at < 3, "{method} {path} {role:?}");
                assert!(some.find(WHOLE).unwrap().check(&action).is_ok());
            }
        }
        assert!(keys(&[BackendRole::Read], &[]).find(b"another").is_none());
    }

    #[test]
    fn a_key_is_known_by_its_hash_alone() {
        // printf %s 'a key for some channels' | sha256sum
        let one = InternalKeySettings {
            name: "hashed".into(),
            key: None,
            key_file: None,
            sha256: Some(SHA256_OF_PART.into()),
            roles: vec![BackendRole::Read],
            channels: Vec::new(),
        };
        let keys =
            BackendKeys::new(&InternalSettings { keys: vec![one], ..InternalSettings::default() });
        assert!(keys.find(PART).is_some());
        assert!(keys.find(SHA256_OF_PART.as_bytes()).is_none());
    }

    const SHA256_OF_PART: &str = "685f70e1dd62e72048ab21ad23e9f1f08868ea2884f31343e3dd8a161667e70a";
}
