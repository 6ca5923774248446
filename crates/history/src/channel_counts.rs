//! How many channels there are, in all and in each namespace: whether there may be one more, and
//! how long one that nobody uses is kept. In: names that come and go. Out: refusals, and the
//! [`ForgetRule`] of a namespace. The fuller a broker is, the sooner unused channels go.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use steadfast_machine::Span;
use steadfast_protocol::ChannelName;

use crate::{HistoryConfig, PublishError};

/// A channel that keeps nothing and was not used for this long is forgotten, however much room
/// there is.
const IDLE_FORGOTTEN: Span = Span::seconds(86_400);
/// With fewer parts free than one in this many, unused channels without events go early.
const EMPTY_GO: usize = 8;
/// With fewer than these, those with events go too, the less room there is the sooner.
const KEPT_GO: [(usize, Span); 3] =
    [(16, Span::seconds(43_200)), (32, Span::seconds(3_600)), (64, Span(0))];

/// The channels of a broker, counted.
#[derive(Debug)]
pub struct ChannelCounts {
    namespaces: BTreeMap<Box<str>, usize>,
    total: usize,
    config: HistoryConfig,
}

/// How long channels of a namespace are kept that nobody reads, follows or publishes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForgetRule {
    /// Those that keep no events.
    pub empty_after: Span,
    /// Those that keep events; `None` for as long as retention says.
    pub kept_after: Option<Span>,
}

impl ChannelCounts {
    /// No channels yet.
    pub fn new(config: &HistoryConfig) -> Self {
        Self { namespaces: BTreeMap::new(), total: 0, config: config.clone() }
    }

    /// A channel has come.
    pub fn add(&mut self, channel: &ChannelName) {
        self.total += 1;
        match self.namespaces.get_mut(channel.namespace()) {
            Some(count) => *count += 1,
            None => drop(self.namespaces.insert(channel.namespace().into(), 1)),
        }
    }

    /// A channel has gone.
    pub fn remove(&mut self, channel: &ChannelName) {
        self.total = self.total.saturating_sub(1);
        if let Some(count) = self.namespaces.get_mut(channel.namespace()) {
            *count -= 1;
            if *count == 0 {
                self.namespaces.remove(channel.namespace());
            }
        }
    }

    /// Whether there is room for one more channel beside so many that are on their way.
    pub fn check(&self, channel: &ChannelName, promised: usize) -> Result<(), PublishError> {
        let max = self.config.channels_max;
        if self.total + promised >= max {
            return Err(PublishError::TooManyChannels { max });
        }
        let namespace = channel.namespace();
        let max = self.config.channels_max_of(namespace);
        if max > 0 && self.of(namespace) >= max {
            return Err(PublishError::NamespaceFull { namespace: namespace.into(), max });
        }
        Ok(())
    }

    /// How long unused channels are kept, whatever their namespace.
    pub fn rule(&self) -> ForgetRule {
        ForgetRule::of((self.total, self.config.channels_max), self.config.reserved_epoch_lasts)
    }

    /// How long unused channels of a namespace are kept. A namespace whose own limit leaves room
    /// loses no events for one that has more than its equal share.
    pub fn forget_rule(&self, namespace: &str) -> ForgetRule {
        let own = (self.of(namespace), self.config.channels_max_of(namespace));
        let is_small = own.0 * self.namespaces.len() < self.total;
        let own_rule = ForgetRule::of(own, self.config.reserved_epoch_lasts);
        let rule = self.rule();
        let rule = if is_small { ForgetRule { kept_after: None, ..rule } } else { rule };
        ForgetRule {
            empty_after: rule.empty_after.min(own_rule.empty_after),
            kept_after: match (rule.kept_after, own_rule.kept_after) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
        }
    }

    fn of(&self, namespace: &str) -> usize {
        self.namespaces.get(namespace).copied().unwrap_or(0)
    }
}

impl ForgetRule {
    /// For so many channels of at most so many; 0 is no limit. Nothing that is followed counts as
    /// unused: brokers see that every minute, and `lasts` is longer.
    pub fn of((count, max): (usize, usize), lasts: Span) -> Self {
        let free = max.saturating_sub(count);
        let is_below = |part: usize| max > 0 && free.saturating_mul(part) < max;
        let empty_after = if is_below(EMPTY_GO) { lasts } else { IDLE_FORGOTTEN };
        let kept = KEPT_GO.iter().rev().find(|(part, _)| is_below(*part));
        Self { empty_after, kept_after: kept.map(|(_, after)| (*after).max(lasts)) }
    }

    /// Whether a channel that goes would have stayed if there were more room.
    pub fn is_early(is_empty: bool, idle: Span) -> bool {
        !is_empty || idle <= IDLE_FORGOTTEN
    }

    /// Whether a channel goes that was not used for so long.
    pub fn lets_go(&self, is_empty: bool, idle: Span) -> bool {
        if is_empty { idle > self.empty_after } else { self.kept_after.is_some_and(|at| idle > at) }
    }
}

#[cfg(test)]
mod tests {
    use super::{ChannelCounts, ForgetRule, IDLE_FORGOTTEN};
    use crate::{HistoryConfig, NamespaceBudget, PublishError};
    use alloc::format;
    use steadfast_machine::Span;
    use steadfast_protocol::ChannelName;

    const LASTS: Span = Span::seconds(300);
    const HOUR: Span = Span::seconds(3_600);

    fn counts(channels_max: usize, few_max: usize) -> ChannelCounts {
        let few = NamespaceBudget { channels_max: few_max, ..NamespaceBudget::default() };
        ChannelCounts::new(&HistoryConfig {
            channels_max,
            budgets: [("few".into(), few)].into(),
            reserved_epoch_lasts: LASTS,
            ..HistoryConfig::default()
        })
    }

    fn name(namespace: &str, n: usize) -> ChannelName {
        ChannelName::new(&format!("{namespace}:{n}")).unwrap()
    }

    fn add(counts: &mut ChannelCounts, namespace: &str, many: usize) {
        for n in 0..many {
            counts.check(&name(namespace, n), 0).unwrap();
            counts.add(&name(namespace, n));
        }
    }

    #[test]
    fn there_are_as_many_channels_as_may_be_and_one_more_is_refused() {
        let mut counts = counts(5, 2);
        add(&mut counts, "few", 2);
        let few = PublishError::NamespaceFull { namespace: "few".into(), max: 2 };
        assert_eq!(counts.check(&name("few", 2), 0), Err(few));
        add(&mut counts, "many", 2);
        let all = PublishError::TooManyChannels { max: 5 };
        assert_eq!(counts.check(&name("many", 2), 1), Err(all.clone()), "one is on its way");
        add(&mut counts, "other", 1);
        assert_eq!(counts.check(&name("many", 2), 0), Err(all));
        counts.remove(&name("few", 0));
        assert_eq!(counts.check(&name("few", 2), 0), Ok(()));
        for namespace in ["few", "many", "many", "other"] {
            counts.remove(&name(namespace, 0));
        }
        assert!(counts.namespaces.is_empty() && counts.total == 0);
    }

    #[test]
    fn the_fuller_it_is_the_sooner_unused_channels_go() {
        let rule = |count| ForgetRule::of((count, 6_400), LASTS);
        let rules = [0, 5_600, 5_601, 6_000, 6_001, 6_200, 6_201, 6_300, 6_301, 6_400].map(rule);
        let early = |kept_after| ForgetRule { empty_after: LASTS, kept_after };
        let calm = ForgetRule { empty_after: IDLE_FORGOTTEN, kept_after: None };
        let half_a_day = early(Some(Span::seconds(43_200)));
        assert_eq!(rules[..4], [calm, calm, early(None), early(None)]);
        assert_eq!(rules[4..6], [half_a_day; 2]);
        assert_eq!(rules[6..8], [early(Some(HOUR)); 2]);
        assert_eq!(rules[8..], [early(Some(LASTS)); 2]);
        assert_eq!(ForgetRule::of((1_000, 0), LASTS), calm, "no limit");
    }

    #[test]
    fn a_channel_goes_only_when_it_was_unused_for_longer() {
        let rule = ForgetRule { empty_after: LASTS, kept_after: Some(HOUR) };
        let after = |span: Span| Span(span.0 + 1);
        assert!(!rule.lets_go(true, LASTS) && rule.lets_go(true, after(LASTS)));
        assert!(!rule.lets_go(false, HOUR) && rule.lets_go(false, after(HOUR)));
        let calm = ForgetRule { kept_after: None, ..rule };
        assert!(!calm.lets_go(false, Span(u64::MAX)));
    }

    #[test]
    fn a_small_namespace_loses_no_events_to_a_large_one_and_a_full_one_its_own() {
        let mut counts = counts(100, 10);
        add(&mut counts, "large", 90);
        add(&mut counts, "small", 9);
        assert_eq!(counts.forget_rule("large").kept_after, Some(LASTS));
        assert_eq!(
            counts.forget_rule("small"),
            ForgetRule { empty_after: LASTS, kept_after: None }
        );
        for n in 0..30 {
            counts.remove(&name("large", n));
        }
        add(&mut counts, "few", 10);
        assert_eq!(counts.forget_rule("large").empty_after, IDLE_FORGOTTEN);
        assert_eq!(counts.forget_rule("few").kept_after, Some(LASTS));
    }
}
