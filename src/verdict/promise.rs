//! The eight promises, and what was found of each.

use super::evidence::RunEvidence;
use super::{keeping, limit, sending};
use serde::Serialize;

/// A promise of Snapferry's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// An intent is on disk before its call leaves.
    WrittenBeforeSent,
    /// Nothing is sent that may have been exported.
    NeverOnAGuess,
    /// One live job for each snapshot of a lane.
    OneLiveJob,
    /// Every row is accounted for.
    NothingLost,
    /// The lane's troubles cost no job an attempt.
    TroublesAreFree,
    /// The limit holds where calls arrive.
    LimitKept,
    /// A start takes up what a crash left.
    RestartIsRecovery,
    /// Attempts and transitions stay.
    HistoryKept,
}

impl Promise {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::WrittenBeforeSent,
        Self::NeverOnAGuess,
        Self::OneLiveJob,
        Self::NothingLost,
        Self::TroublesAreFree,
        Self::LimitKept,
        Self::RestartIsRecovery,
        Self::HistoryKept,
    ];

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// It in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::WrittenBeforeSent => "written before sent",
            Self::NeverOnAGuess => "never sent on a guess",
            Self::OneLiveJob => "one live job a snapshot",
            Self::NothingLost => "nothing is lost",
            Self::TroublesAreFree => "a lane's trouble costs no attempt",
            Self::LimitKept => "the limit holds on arrival",
            Self::RestartIsRecovery => "a restart recovers",
            Self::HistoryKept => "the history is kept",
        }
    }

    fn check(self, evidence: &RunEvidence) -> Finding {
        match self {
            Self::WrittenBeforeSent => sending::written_before_sent(evidence),
            Self::NeverOnAGuess => sending::never_on_a_guess(evidence),
            Self::OneLiveJob => keeping::one_live_job(evidence),
            Self::NothingLost => keeping::nothing_lost(evidence),
            Self::TroublesAreFree => sending::troubles_are_free(evidence),
            Self::LimitKept => limit::limit_kept(evidence),
            Self::RestartIsRecovery => keeping::restart_is_recovery(evidence),
            Self::HistoryKept => keeping::history_kept(evidence),
        }
    }
}

/// How many of something were looked at.
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
    /// What was looked at.
    pub counts: Vec<Count>,
    /// Where it is broken, each in words.
    pub broken: Vec<String>,
}

impl Finding {
    pub(super) fn of<const N: usize>(counts: [(&'static str, u64); N], broken: Vec<String>) -> Self {
        let counts = counts.into_iter().map(|(what, count)| Count { what, count }).collect();
        Self { counts, broken }
    }

    /// What was looked at, in words.
    pub fn checked(&self) -> String {
        self.counts.iter().map(|one| format!("{} {}", one.count, one.what)).collect::<Vec<_>>().join(", ")
    }
}

/// What was found of every promise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Holds every promise against what a run left.
    pub fn of(evidence: &RunEvidence) -> Self {
        Self(Promise::ALL.into_iter().map(|promise| promise.check(evidence)).collect())
    }

    /// Each promise with its finding; nothing before anything was looked at.
    pub fn findings(&self) -> impl Iterator<Item = (Promise, &Finding)> {
        Promise::ALL.into_iter().zip(&self.0)
    }

    /// Whether anything was looked at, and every promise holds.
    pub fn holds(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|finding| finding.broken.is_empty())
    }

    /// Takes in what was found in another run.
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
