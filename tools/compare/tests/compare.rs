//! The whole command, with the floors alone: they need nothing that is not built here. Counts are
//! looked at, never times.

use std::process::Command;

use serde_json::Value;

#[test]
fn the_floors_are_measured_and_nothing_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut compare = Command::new(env!("CARGO_BIN_EXE_steadfast-compare"));
    compare.args(["--only", "floor-write", "floor-coalesce", "--rows", "storm", "hundred"]);
    compare.args(["--rounds", "2", "--links", "40", "--seconds", "1", "--build"]);
    let output = compare.arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("every event came once and in order"), "{text}{said}");
    let results = std::fs::read_to_string(folder.path().join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&results).unwrap();
    for floor in 0..2 {
        let figures = &results["servers"][floor]["figures"];
        assert_eq!(figures["storm of 40, failed"]["values"], serde_json::json!([0.0, 0.0]));
        assert_eq!(figures["100 links, p50 ms"]["values"].as_array().map(Vec::len), Some(2));
    }
}

#[test]
fn a_server_that_cannot_be_had_is_named_and_the_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut compare = Command::new(env!("CARGO_BIN_EXE_steadfast-compare"));
    compare.args(["--only", "steadfast", "floor-write", "--rows", "hundred", "--rounds", "1"]);
    compare.args(["--seconds", "1", "--steadfast", "no/such/binary", "--build"]);
    let output = compare.arg(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("- steadfast: not run: "), "{text}");
    assert!(text.contains("| 100 links, p50 ms |"), "{text}");
}
