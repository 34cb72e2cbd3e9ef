//! The one integration test crate: what goes through the public interface.

// Clippy takes helpers for test code only under this.
#![cfg(test)]

mod accounts;
mod acting;
mod adoption;
mod answers;
mod breakers;
mod bundle;
mod bundles_by_themselves;
mod crash;
mod crash_points;
mod disk;
mod doctor;
mod enqueue;
mod failures;
mod files;
mod fuzz;
mod home;
mod jobs;
mod json_schema;
mod lanes;
mod life;
mod limit;
mod log;
mod model;
mod network;
mod outcomes;
mod outputs;
mod plans;
mod proxy;
mod pruning;
mod raw_server;
mod reach;
mod reads;
mod report;
mod rooms;
mod schema;
mod selftest;
mod show;
mod simulator;
mod status;
mod store;
mod stored;
mod surroundings;
mod survey;
mod takeover;
mod tracker;
mod tricks;
mod turns;
mod whole;
mod wire;
mod wire_chain;
mod worker;
mod world;

/// What a random sample is drawn by: what the variable says, or another number each time. Whoever draws prints it.
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn seed(variable: &str) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| fastrand::u64(..))
}

/// Each member of a JSON output stands in docs/json.md.
fn documented(value: &serde_json::Value) {
    const DOCS: &str = include_str!("../../docs/json.md");
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                assert!(DOCS.contains(&format!("`{name}`")), "docs/json.md says nothing of {name:?}");
                documented(value);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(documented),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

#[test]
fn every_command_explains_itself_with_examples() {
    use clap::CommandFactory;
    let mut command = stored::Line::command();
    command.clone().debug_assert();
    for sub in command.get_subcommands_mut() {
        let help = sub.render_help().to_string();
        assert!(help.contains("Examples:\n  snapferry "), "{help}");
    }
}
