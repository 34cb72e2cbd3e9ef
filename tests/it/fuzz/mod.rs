//! Bad input: what is in `seeds`, and a bounded number of its mutations, the same ones each time. The targets of the
//! same names in the folder `fuzz` search with coverage for as long as one likes.

mod answers;
mod intake;
mod memory;
mod settings;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Pieces that mean something to one of the targets.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"\"\"",
    b",",
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"snapshot_name",
    b"region",
    b"'=1+1",
    b"{",
    b"}",
    b"[",
    b"null",
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"NaN",
    b"\\ud800",
    b"\"__type\":",
    b"SNAPFERRY_LANES__",
    b"[[export]]\n",
];

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fuzz/seeds").join(target);
    let mut seeds: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .expect("a folder of seeds")
        .map(|entry| entry.expect("an entry"))
        .map(|entry| (entry.path().display().to_string(), std::fs::read(entry.path()).expect("a seed")))
        .collect();
    seeds.sort();
    seeds
}

fn mutate(rng: &mut fastrand::Rng, data: &mut Vec<u8>, other: &[u8]) {
    let place = rng.usize(..=data.len());
    let end = place + rng.usize(..=(data.len() - place).min(64));
    match rng.u8(..7) {
        0 if place < data.len() => data[place] ^= 1 << rng.u8(..8),
        1 => data.insert(place, rng.u8(..)),
        2 => drop(data.drain(place..end)),
        3 => {
            let piece = data[place..end].repeat(rng.usize(1..20));
            data.splice(place..place, piece);
        }
        4 if !other.is_empty() => {
            let from = rng.usize(..other.len());
            data.truncate(place);
            data.extend_from_slice(&other[from..]);
        }
        5 => data.truncate(place),
        _ => {
            let word = WORDS[rng.usize(..WORDS.len())];
            data.splice(place..place, word.iter().copied());
        }
    }
}

/// Every seed, then `rounds` mutations.
fn run(target: &str, rounds: u32, check: fn(&[u8])) {
    let tried = |what: &str, data: &[u8]| {
        let held = catch_unwind(AssertUnwindSafe(|| check(data))).is_ok();
        assert!(held, "{target}: {what}: {}", data.escape_ascii());
    };
    let seeds = seeds(target);
    assert!(seeds.len() > 5, "{} seeds", seeds.len());
    for (name, data) in &seeds {
        tried(name, data);
    }
    let mut rng = fastrand::Rng::with_seed(1);
    for round in 0..rounds {
        let (name, data) = &seeds[rng.usize(..seeds.len())];
        let (_, other) = &seeds[rng.usize(..seeds.len())];
        let mut data = data.clone();
        for _ in 0..rng.u8(1..8) {
            mutate(&mut rng, &mut data, other);
        }
        tried(&format!("{name}, mutation {round}"), &data);
    }
}

#[test]
fn no_file_breaks_the_intake() {
    run("intake", 20_000, intake::check);
}

#[test]
fn no_text_breaks_the_settings() {
    run("settings", 1500, settings::check);
}

#[test]
fn no_answer_breaks_the_client() {
    run("answers", 2500, answers::check);
}
