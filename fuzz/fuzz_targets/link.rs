//! Lives of a link, as its random tests lead them: five bytes are one act.

#![no_main]

#[path = "../../crates/link/tests/random/saying.rs"]
mod saying;
#[path = "../../crates/link/tests/random/silence.rs"]
mod silence;
#[path = "../../crates/link/tests/random/watch.rs"]
mod watch;
#[path = "../../crates/link/tests/random/world.rs"]
mod world;

use watch::Watch;
use world::{Act, World};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((seed, acts)) = bytes.split_first_chunk::<4>() else { return };
    let mut world = World::new(u32::from_le_bytes(*seed));
    let mut watch = Watch::default();
    world.begin(&mut watch);
    for act in acts.chunks_exact(5).take(300) {
        let (a, b) = ([act[1], act[2]], [act[3], act[4]]);
        let (a, b) = (u16::from_le_bytes(a), u16::from_le_bytes(b));
        world.step(Act { kind: act[0], a, b }, &mut watch);
    }
    world.idle(&mut watch);
});
