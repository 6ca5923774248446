//! Each input that is kept, and changes of it that one seed makes, keep the promises of its target.

use std::fs;
use std::path::{Path, PathBuf};

use steadfast_machine::Rng;

use crate::{TARGETS, run};

/// Changed inputs for each that is kept.
const CHANGES: u32 = 200;

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let read = entries.map(|entry| {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    });
    let mut read: Vec<_> = read.collect();
    read.sort();
    read
}

/// Some bytes are others, gone, or there twice.
fn changed(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.between(1, 4) {
        if bytes.is_empty() {
            break;
        }
        let last = u32::try_from(bytes.len() - 1).unwrap();
        let at = usize::try_from(rng.between(0, last)).unwrap();
        let to = usize::try_from(rng.between(0, last)).unwrap();
        match rng.between(0, 3) {
            0 => bytes[at] = u8::try_from(rng.between(0, 255)).unwrap(),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at.min(to)..at.max(to))),
            _ => {
                let part = bytes[at.min(to)..at.max(to)].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn each_kept_input_and_its_changes_keep_the_promises() {
    for (name, _) in TARGETS {
        let inputs = inputs(name);
        assert!(!inputs.is_empty(), "{name} has no inputs");
        for (seed, (path, bytes)) in (0..).zip(inputs) {
            println!("{name} {}", path.display());
            run(name, &bytes);
            let mut rng = Rng::new(seed);
            for _ in 0..CHANGES {
                let bytes = changed(&mut rng, &bytes);
                println!("{bytes:?}");
                run(name, &bytes);
            }
        }
    }
}
