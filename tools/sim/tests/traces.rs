//! Traces: one seed makes one, and enough of them show every input in every state.

use steadfast_sim::{Coverage, trace};

#[test]
fn one_seed_makes_one_trace() {
    let text = |seed| trace(seed, 50).unwrap().text;
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
    assert_eq!(text(3).matches(r#""do": "#).count(), 50);
}

#[test]
fn what_was_never_seen_is_named() {
    let few = trace(0, 5).unwrap().coverage;
    assert!(!few.missing().is_empty());
    let mut many = Coverage::default();
    for seed in 0..200 {
        many += trace(seed, 120).unwrap().coverage;
    }
    assert_eq!(many.missing(), [""; 0]);
}
