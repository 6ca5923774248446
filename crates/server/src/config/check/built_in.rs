//! The rule that the broker is part of this build.
//!
//! In: settings. Out: a broken rule, which says how to get a build that has the broker.

use super::{Rules, path};
use crate::config::settings::Config;
use steadfast_broker::BrokerKind;

/// Whether the broker that the settings mean is built in.
pub(super) fn check(rules: &mut Rules<'_>, config: &Config) -> bool {
    let kind = config.broker.kind(config.dev);
    if !kind.is_built_in() {
        let (wrong, mend) = not_built_in(kind);
        let by = if config.broker.kind.is_some() { "broker.kind" } else { "broker.data_dir" };
        rules.broken(&[path(by)], wrong, mend);
    }
    kind.is_built_in()
}

fn not_built_in(kind: BrokerKind) -> (String, String) {
    let wrong = format!("this build has no {kind} broker");
    let mend = format!(
        "build it with the Cargo feature `{kind}` (`cargo build --features {kind}`), \
         or set another kind"
    );
    (wrong, mend)
}

#[cfg(test)]
mod tests {
    use super::not_built_in;
    use steadfast_broker::BrokerKind;

    #[test]
    fn a_broker_that_is_not_built_in_is_named_with_the_feature_that_brings_it() {
        let (wrong, mend) = not_built_in(BrokerKind::Redis);
        assert_eq!(wrong, "this build has no redis broker");
        assert!(mend.contains("`cargo build --features redis`"), "{mend}");
    }
}
