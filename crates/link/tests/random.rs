//! Random lives of a link: any input in any order, likely ones more often. Whatever happens, the
//! promises hold: see `Watch`.

#[path = "random/watch.rs"]
mod watch;
#[path = "random/world.rs"]
mod world;

use proptest::prelude::*;
use watch::Watch;
use world::{Act, World};

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
