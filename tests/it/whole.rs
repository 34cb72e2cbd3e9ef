//! Whole runs of the daemon's rooms by a clock of their own, against a Lightsail that plays a script: days in
//! milliseconds, the same to the letter for the same seed. Worker and tracker are driven turn by turn over the real store;
//! everything in memory is dropped where the script has it crash.

mod hours;
mod promises;
mod run;
mod scripted;
mod truth;
mod weather;

use run::play;

/// Seeds that broke a promise once.
const REGRESSIONS: &[u64] = &[123];

#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn seeds() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    (number("WHOLE_SEED").unwrap_or(1), number("WHOLE_RUNS").unwrap_or(100))
}

/// Plays each seed on a thread of its own kind; the first that breaks a promise is named with its story.
fn play_all(seeds: impl Iterator<Item = u64>) -> run::Tally {
    let mut tally = run::Tally::default();
    for seed in seeds {
        match play(seed) {
            Ok(told) => tally.add(&told.tally),
            Err(broken) => panic!("WHOLE_SEED={seed} WHOLE_RUNS=1 breaks a promise: {broken}"),
        }
    }
    tally
}

#[test]
fn whatever_the_script_every_promise_holds() {
    let (first, runs) = seeds();
    let half = runs.div_ceil(2);
    let [mut tally, other] = std::thread::scope(|scope| {
        let parts = [first..first + half, first + half..first + runs];
        parts.map(|seeds| scope.spawn(move || play_all(seeds))).map(|part| part.join().expect("every promise"))
    });
    tally.add(&other);
    println!("{runs} runs from seed {first}: {tally:?}");
    assert!(runs < 100 || tally.crashes > 0 && tally.lost_answers > 0 && tally.by_hand > 0, "{tally:?}");
}

#[test]
fn seeds_that_broke_a_promise_once_keep_it() {
    play_all(REGRESSIONS.iter().copied());
}

#[test]
fn a_seed_always_tells_the_same_story() {
    for seed in 1..=8 {
        let [one, other] = [(); 2].map(|()| play(seed).unwrap_or_else(|broken| panic!("{broken}")));
        assert_eq!(one.story, other.story, "seed {seed}");
    }
}
