//! Who gives, as sizes change; compared with a plain search.

use alloc::collections::BTreeMap;
use alloc::format;

use steadfast_machine::Rng;
use steadfast_protocol::ChannelName;

use super::{HistoryShares, SMALL_BYTES, class_of};
use crate::{HistoryConfig, NamespaceBudget};

fn name(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn sure_of(namespace: &str, bytes_total_min: usize) -> HistoryConfig {
    let budget = NamespaceBudget { bytes_total_min, channels_max: 0 };
    HistoryConfig { budgets: [(namespace.into(), budget)].into(), ..HistoryConfig::default() }
}

#[test]
fn a_class_is_a_quarter_wide_and_none_is_empty() {
    assert_eq!((class_of(0), class_of(1), class_of(SMALL_BYTES - 1)), (0, 1, 1));
    assert_eq!(class_of(SMALL_BYTES), 2);
    let mut last = 1;
    for bytes in (SMALL_BYTES..1 << 20).step_by(512) {
        let class = class_of(bytes);
        assert!(class == last || class == last + 1, "{bytes}");
        assert!(class_of(bytes + bytes / 4) > class);
        last = class;
    }
    assert!(class_of(usize::MAX) > class_of(usize::MAX / 2));
}

#[test]
fn the_largest_channel_of_the_namespace_furthest_above_its_minimum_gives() {
    let mut shares = HistoryShares::new(&sure_of("vip", 1_000_000));
    shares.resize(&name("vip:1"), 0, 900_000);
    shares.resize(&name("other:1"), 0, 100_000);
    shares.resize(&name("other:2"), 0, 200_000);
    assert_eq!(shares.largest(), Some(&name("other:2")));
    shares.resize(&name("other:2"), 200_000, 50_000);
    assert_eq!(shares.largest(), Some(&name("other:1")));
    shares.resize(&name("vip:1"), 900_000, 2_000_000);
    assert_eq!(shares.largest(), Some(&name("vip:1")), "above its minimum by more than others");
    shares.resize(&name("vip:1"), 2_000_000, 1_000_000);
    shares.resize(&name("other:1"), 100_000, 0);
    shares.resize(&name("other:2"), 50_000, 0);
    assert_eq!(shares.largest(), Some(&name("vip:1")), "where all are sure of all they have");
    shares.resize(&name("vip:1"), 1_000_000, 0);
    assert_eq!((shares.largest(), shares.bytes()), (None, 0));
    assert!(shares.namespaces.is_empty() && shares.order.is_empty());
}

#[test]
fn a_plan_frees_what_it_is_asked_for_and_changes_nothing_itself() {
    let mut shares = HistoryShares::new(&HistoryConfig::default());
    let mut sizes: BTreeMap<ChannelName, usize> = BTreeMap::new();
    for (channel, bytes) in [("a:1", 1_000_000), ("a:2", 900_000), ("a:3", 1_000), ("b:1", 500)] {
        shares.resize(&name(channel), 0, bytes);
        sizes.insert(name(channel), bytes);
    }
    let plan = shares.plan(1_200_000, |channel| sizes[channel]);
    assert_eq!(plan.values().sum::<usize>(), 1_200_000);
    assert!(plan.len() == 2 && !plan.contains_key(&name("a:3")), "{plan:?}");
    assert_eq!((shares.bytes(), shares.largest()), (1_901_500, Some(&name("a:1"))));
    let all = shares.plan(usize::MAX, |channel| sizes[channel]);
    assert_eq!(all, sizes, "there is no more than there is");
}

/// Whatever changes, in whatever order.
#[test]
fn the_books_are_right_and_the_giver_is_nearly_the_largest() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let mut shares = HistoryShares::new(&sure_of("n0", 50_000));
        let mut sizes: BTreeMap<ChannelName, usize> = BTreeMap::new();
        for _ in 0..400 {
            let (namespace, channel) = (rng.between(0, 2), rng.between(0, 4));
            let channel = name(&format!("n{namespace}:{channel}"));
            let to = usize::try_from(rng.between(0, 3) * rng.between(0, 100_000)).unwrap();
            let from = sizes.insert(channel.clone(), to).unwrap_or(0);
            shares.resize(&channel, from, to);
            let mut of: BTreeMap<&str, usize> = BTreeMap::new();
            for (channel, bytes) in &sizes {
                *of.entry(channel.namespace()).or_default() += bytes;
            }
            assert_eq!(shares.bytes(), sizes.values().sum::<usize>(), "seed {seed}");
            let above = |namespace: &str| {
                of[namespace].saturating_sub(if namespace == "n0" { 50_000 } else { 0 })
            };
            let most = of.keys().map(|namespace| above(namespace)).max().unwrap_or(0);
            let Some(giver) = shares.largest() else {
                assert_eq!(shares.bytes(), 0, "seed {seed}");
                continue;
            };
            assert_eq!(class_of(above(giver.namespace())), class_of(most), "seed {seed}");
            let peers = sizes.iter().filter(|(one, _)| one.namespace() == giver.namespace());
            let largest = peers.map(|(_, bytes)| *bytes).max().unwrap();
            assert_eq!(class_of(sizes[giver]), class_of(largest), "seed {seed}");
        }
    }
}
