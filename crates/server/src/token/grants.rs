//! What one link may do, and until when.
//!
//! In: the claims of a checked token. Out: yes or no for a channel. It asks no clock; who holds
//! grants looks at `expires_at`.

use super::claims::Claims;
use super::pattern::Pattern;

/// The permissions of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// The channels it may follow.
    pub subscribe: Vec<Pattern>,
    /// The channels it may publish to.
    pub publish: Vec<Pattern>,
    /// When its token ends, in seconds since 1970; `None`: never.
    pub expires_at: Option<u64>,
}

impl Grants {
    /// Every channel, for ever: what `--dev` gives.
    pub fn everything() -> Self {
        let all = vec![Pattern::Everything];
        Self { subscribe: all.clone(), publish: all, expires_at: None }
    }

    /// Whether `channel` may be followed.
    pub fn may_subscribe(&self, channel: &str) -> bool {
        self.subscribe.iter().any(|pattern| pattern.covers(channel))
    }

    /// Whether events may be published to `channel`.
    pub fn may_publish(&self, channel: &str) -> bool {
        self.publish.iter().any(|pattern| pattern.covers(channel))
    }
}

impl From<Grants> for steadfast_hub::Grants {
    fn from(grants: Grants) -> Self {
        let patterns = |list: Vec<Pattern>| list.into_iter().map(Into::into).collect();
        Self { subscribe: patterns(grants.subscribe), publish: patterns(grants.publish) }
    }
}

impl From<Claims> for Grants {
    fn from(claims: Claims) -> Self {
        let Claims { subscribe, publish, exp, .. } = claims;
        Self { subscribe, publish, expires_at: Some(exp) }
    }
}

#[cfg(test)]
mod tests {
    use super::Grants;
    use crate::token::Claims;
    use steadfast_protocol::ChannelName;

    #[test]
    fn following_and_publishing_are_granted_apart() {
        let claims = Claims {
            exp: 7,
            subscribe: vec!["diagnosis:*".parse().unwrap(), "news".parse().unwrap()],
            publish: vec!["chat:1".parse().unwrap()],
            ..Claims::default()
        };
        let grants = Grants::from(claims);
        assert_eq!(grants.expires_at, Some(7));
        assert!(grants.may_subscribe("diagnosis:8f3c") && grants.may_subscribe("news"));
        assert!(!grants.may_subscribe("chat:1"));
        assert!(grants.may_publish("chat:1"));
        assert!(!grants.may_publish("diagnosis:8f3c"));
    }

    #[test]
    fn the_hub_is_given_the_same_permissions() {
        let grants = Grants {
            subscribe: vec!["a:*".parse().unwrap(), "b".parse().unwrap()],
            publish: vec!["*".parse().unwrap()],
            expires_at: None,
        };
        let hub = steadfast_hub::Grants::from(grants.clone());
        for name in ["a", "a:b", "a:b:c", "ab:c", "b", "b:c", "c"] {
            let channel = ChannelName::new(name).unwrap();
            assert_eq!(hub.may_subscribe(&channel), grants.may_subscribe(name), "{name}");
            assert_eq!(hub.may_publish(&channel), grants.may_publish(name), "{name}");
        }
        let everything = steadfast_hub::Grants::from(Grants::everything());
        assert_eq!(everything, steadfast_hub::Grants::everything());
    }

    #[test]
    fn no_grants_open_nothing_and_dev_opens_everything() {
        assert!(!Grants::default().may_subscribe("a") && !Grants::default().may_publish("a"));
        let everything = Grants::everything();
        assert!(everything.may_subscribe("a:b") && everything.may_publish("a:b"));
        assert_eq!(everything.expires_at, None);
    }
}
