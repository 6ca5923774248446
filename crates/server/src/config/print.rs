//! The settings in force as text, for people. In: settings. Out: TOML that a configuration file may
//! have, but for the secrets.

use super::{Config, ConfigError, Mistake, Source};

impl Config {
    /// Every setting that has a value, as TOML. In place of each secret it says `(not shown)`.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string(self).map_err(|error| {
            let (setting, wrong) = (String::new(), error.to_string());
            let mend = "report this as a fault of the server".to_owned();
            ConfigError { mistakes: vec![Mistake { source: Source::Unset, setting, wrong, mend }] }
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{
        BackendRole, Config, InternalKeySettings, NamespacePart, Secret, TokenKeySettings,
    };

    #[test]
    fn what_is_printed_is_read_as_the_same_settings_without_their_secrets() {
        let mut config = Config::default();
        config.internal.key = Some(Secret::new("hunter2"));
        config.internal.keys = vec![InternalKeySettings {
            name: "billing".into(),
            key: Some(Secret::new("hunter2")),
            key_file: None,
            sha256: None,
            roles: vec![BackendRole::Publish],
            channels: vec!["orders:*".parse().unwrap()],
        }];
        let alg = crate::auth::token::SignatureAlgorithm::RS256;
        let (kid, file) = (Some("k".into()), Some("k.pem".into()));
        config.auth.keys = vec![TokenKeySettings { alg, kid, secret: None, file }];
        config.public.allowed_origins = vec!["https://a.example".into()];
        config.broker.redis.servers = vec![Secret::new("redis://:hunter2@127.0.0.1")];
        config.namespaces.insert("jobs".into(), NamespacePart::default());
        for config in [Config::default(), config] {
            let text = config.to_toml().unwrap();
            assert!(!text.contains("hunter2"), "{text}");
            let read: Config = toml::from_str(&text).unwrap();
            let differences: Vec<_> = config.differences(&read).into_iter().collect();
            let secrets = ["broker.nats.servers", "broker.redis.servers"];
            let more = ["internal.key", "internal.keys"];
            let is_hidden =
                |name: &&String| secrets.contains(&name.as_str()) || more.contains(&name.as_str());
            assert!(differences.iter().all(|name| is_hidden(&name)), "{differences:?}");
        }
    }
}
