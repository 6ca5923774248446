//! The settings in which two configurations differ, by their names. In: two configurations. Out:
//! names such as `limits.channels_max`, and never a value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Config;

impl Config {
    /// The names of the settings that differ, in order. A list that differs is named as a whole.
    pub(crate) fn differences(&self, other: &Self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        if let (Ok(here), Ok(there)) = (serde_json::to_value(self), serde_json::to_value(other)) {
            compare(String::new(), &here, &there, &mut names);
        }
        // What is written of two secrets is the same.
        let (redis, nats) = (&self.broker.redis, &self.broker.nats);
        let secrets = [
            ("internal.key", self.internal.key != other.internal.key),
            ("internal.keys", self.internal.keys != other.internal.keys),
            ("auth.hs256_key", self.auth.hs256_key != other.auth.hs256_key),
            ("auth.keys", self.auth.keys != other.auth.keys),
            ("broker.redis.servers", redis.servers != other.broker.redis.servers),
            ("broker.redis.sentinels", redis.sentinels != other.broker.redis.sentinels),
            ("broker.nats.servers", nats.servers != other.broker.nats.servers),
        ];
        names.extend(secrets.iter().filter(|(_, differ)| *differ).map(|(name, _)| (*name).into()));
        names
    }
}

fn compare(name: String, here: &Value, there: &Value, names: &mut BTreeSet<String>) {
    match (here, there) {
        (Value::Object(here), Value::Object(there)) => {
            let none = Value::Null;
            let of = |map: &Map<String, Value>, key: &str| map.get(key).cloned();
            let keys: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
            for key in keys {
                let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                let (here, there) = (of(here, key), of(there, key));
                let (here, there) = (here.as_ref().unwrap_or(&none), there.as_ref());
                compare(inner, here, there.unwrap_or(&none), names);
            }
        }
        (here, there) if here != there => drop(names.insert(name)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, NamespacePart, Secret};

    #[test]
    fn each_setting_that_differs_is_named_and_a_secret_is_not_shown() {
        let mut other = Config::default();
        assert!(other.differences(&Config::default()).is_empty());
        other.limits.channels_max += 1;
        other.public.allowed_origins.push("https://a.example".into());
        other.internal.key = Some(Secret::new("hunter2"));
        other.broker.redis.servers = vec![Secret::new("redis://:hunter2@127.0.0.1:6379")];
        other.namespaces.insert("jobs".into(), NamespacePart::default());
        let names: Vec<_> = other.differences(&Config::default()).into_iter().collect();
        let expected = [
            "broker.redis.servers",
            "internal.key",
            "limits.channels_max",
            "namespaces.jobs",
            "public.allowed_origins",
        ];
        assert_eq!(names, expected);
        let mut key = Config::default();
        key.internal.key = Some(Secret::new("hunter3"));
        let names: Vec<_> = other.differences(&key).into_iter().collect();
        assert!(names.contains(&"internal.key".to_owned()), "{names:?}");
    }
}
