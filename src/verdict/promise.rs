//! The eight promises, and what was found of each.

use super::evidence::RunEvidence;
use super::{keeping, limit, sending};
use serde::Serialize;

/// A promise of Snapferry's.
#[derive(Debug)]
pub struct Promise {
    /// Its number, from 1.
    pub number: u8,
    /// It in a few words.
    pub words: &'static str,
    check: fn(&RunEvidence) -> Finding,
}

const PROMISES: [Promise; 8] = [
    Promise { number: 1, words: "written before sent", check: sending::written_before_sent },
    Promise { number: 2, words: "never sent on a guess", check: sending::never_on_a_guess },
    Promise { number: 3, words: "one live job a snapshot", check: keeping::one_live_job },
    Promise { number: 4, words: "nothing is lost", check: keeping::nothing_lost },
    Promise { number: 5, words: "a lane's trouble costs no attempt", check: sending::troubles_are_free },
    Promise { number: 6, words: "the limit holds on arrival", check: limit::limit_kept },
    Promise { number: 7, words: "a restart recovers", check: keeping::restart_is_recovery },
    Promise { number: 8, words: "the history is kept", check: keeping::history_kept },
];

/// How many of something were checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Of what.
    pub what: &'static str,
    /// How many.
    pub count: u64,
}

/// What was found of a promise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub counts: Vec<Count>,
    /// Where it is broken, each in words.
    pub broken: Vec<String>,
}

impl Finding {
    pub(super) fn of<const N: usize>(counts: [(&'static str, u64); N], broken: Vec<String>) -> Self {
        let counts = counts.into_iter().map(|(what, count)| Count { what, count }).collect();
        Self { counts, broken }
    }

    /// What was checked, in words.
    pub fn checked(&self) -> String {
        self.counts.iter().map(|one| format!("{} {}", one.count, one.what)).collect::<Vec<_>>().join(", ")
    }
}

/// What was found of every promise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Checks every promise against what a run left.
    pub fn of(evidence: &RunEvidence) -> Self {
        Self(PROMISES.iter().map(|promise| (promise.check)(evidence)).collect())
    }

    /// Each promise with its finding; none before anything was checked.
    pub fn findings(&self) -> impl Iterator<Item = (&'static Promise, &Finding)> {
        PROMISES.iter().zip(&self.0)
    }

    /// Whether anything was checked, and every promise holds.
    pub fn holds(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|finding| finding.broken.is_empty())
    }

    /// Adds what was found in another run.
    pub fn add(&mut self, other: Self) {
        if self.0.is_empty() {
            *self = other;
            return;
        }
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            for (mine, theirs) in mine.counts.iter_mut().zip(theirs.counts) {
                mine.count = mine.count.saturating_add(theirs.count);
            }
            mine.broken.extend(theirs.broken);
        }
    }
}
