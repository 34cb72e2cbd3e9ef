//! The store against a model of it: scripts of enqueues, inventories, claims, answers, people's acts, clock jumps and crashes
//! are played on a real database and on a few vectors in memory, and after each deed the two say the same. A script that
//! fails is shortened, and kept in `model/regressions.txt`.

#[expect(clippy::wildcard_enum_match_arm, reason = "in each state most of what may happen does not fit")]
mod reference;
mod script;
#[expect(clippy::wildcard_enum_match_arm, reason = "the few that matter are named")]
mod store;

use proptest::test_runner::{Config, FileFailurePersistence};
use proptest_state_machine::prop_state_machine;
use store::Store;

#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn config() -> Config {
    let runs = std::env::var("MODEL_RUNS").ok().and_then(|text| text.parse().ok());
    Config {
        cases: runs.unwrap_or(96),
        max_shrink_iters: 3000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/it/model/regressions.txt"))),
        ..Config::default()
    }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn the_store_does_what_the_model_does(sequential 1..60 => Store);
}
