//! Random lives of a link: any input in any order, likely ones more often. Whatever happens, the
//! promises hold: see `Watch`.

#[cfg(test)]
#[path = "random/saying.rs"]
mod saying;
#[cfg(test)]
#[path = "random/silence.rs"]
mod silence;
#[cfg(test)]
#[path = "random/watch.rs"]
mod watch;
#[cfg(test)]
#[path = "random/world.rs"]
mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;
use steadfast_link::scenario::OUTPUT_KINDS;
use steadfast_machine::Rng;
use watch::Watch;
use world::{Act, World};

const STATES: [&str; 5] = ["disconnected", "connecting", "connected", "reconnecting", "fallback"];

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = (any::<u8>(), any::<u16>(), any::<u16>());
    proptest::collection::vec(act.prop_map(|(kind, a, b)| Act { kind, a, b }), 1..300)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_promises_hold_in_any_life(seed in any::<u32>(), acts in acts()) {
        let mut world = World::new(seed);
        let mut watch = Watch::default();
        world.begin(&mut watch);
        for act in acts {
            world.step(act, &mut watch);
        }
        world.idle(&mut watch);
    }
}

#[test]
fn random_lives_reach_every_state_and_every_output() {
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let mut draw = || u16::try_from(rng.between(0, u32::from(u16::MAX))).unwrap();
        let mut world = World::new(seed);
        let mut watch = Watch::default();
        world.begin(&mut watch);
        for _ in 0..200 {
            let act = Act { kind: u8::try_from(draw() % 256).unwrap(), a: draw(), b: draw() };
            world.step(act, &mut watch);
        }
        seen.append(&mut watch.seen);
    }
    let words = STATES.iter().chain(&OUTPUT_KINDS);
    let missing: Vec<_> = words.filter(|word| !seen.contains(**word)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
    assert!(seen.contains("fallback to connected"), "never came back from polling");
}
