//! A diagnosis for programs.

use crate::doctor::{Check, Diagnosis, Outcome, Section};
use crate::domain::Timestamp;
use serde_json::{Value, json};

/// A diagnosis as JSON.
pub fn doctor_json(diagnosis: &Diagnosis, now: Timestamp) -> Value {
    json!({
        "checked_at": now.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
        "healthy": diagnosis.is_healthy(),
        "errors": diagnosis.count(Outcome::Error),
        "warnings": diagnosis.count(Outcome::Warning),
        "sections": diagnosis.sections.iter().map(section).collect::<Vec<_>>(),
    })
}

fn section(section: &Section) -> Value {
    json!({ "subject": section.subject, "name": section.name, "checks": section.checks.iter().map(check).collect::<Vec<_>>() })
}

fn check(check: &Check) -> Value {
    json!({ "check": check.name, "outcome": check.outcome.as_str(), "text": check.text, "way": check.way })
}
