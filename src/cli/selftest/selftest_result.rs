//! The result of a self-test, for people and as JSON.

use crate::report::{Colour, TextStyle};
use crate::verdict::{Count, Findings, RunEvidence};
use serde::{Serialize, Serializer};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// Violations shown for each guarantee.
const SHOWN: usize = 5;

/// The width of number, guarantee and result; the counts have the rest of 80 columns.
const BEFORE_COUNTS: usize = 44;
const COUNTS: TextStyle = TextStyle { width: Some(35), colour: Colour::Plain };

/// The result.
#[derive(Debug, Default, Serialize)]
pub(super) struct SelftestOutcome {
    pub(super) holds: bool,
    pub(super) seed: u64,
    /// The duration.
    pub(super) seconds: u64,
    pub(super) rounds: u32,
    daemons_killed: u32,
    enqueues_killed: u32,
    jobs: u64,
    calls: u64,
    exports: u64,
    #[serde(serialize_with = "promises")]
    promises: Findings,
    /// The folder that is kept as evidence.
    pub(super) kept: Option<PathBuf>,
}

#[derive(Serialize)]
struct PromiseJson<'a> {
    number: u8,
    promise: &'static str,
    holds: bool,
    counts: &'a [Count],
    broken: &'a [String],
}

fn promises<S: Serializer>(findings: &Findings, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.findings().map(|(promise, finding)| PromiseJson {
        number: promise.number,
        promise: promise.words,
        holds: finding.broken.is_empty(),
        counts: &finding.counts,
        broken: &finding.broken,
    }))
}

impl SelftestOutcome {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(super) fn crashes(&self) -> u32 {
        self.daemons_killed + self.enqueues_killed
    }

    /// Judges a round.
    pub(super) fn take(&mut self, evidence: &RunEvidence, enqueues_killed: u32) {
        self.rounds += 1;
        let crashes = evidence.lives.iter().filter(|life| life.crashed).count();
        self.daemons_killed += u32::try_from(crashes).unwrap_or(u32::MAX);
        self.enqueues_killed += enqueues_killed;
        self.jobs += evidence.jobs.len() as u64;
        self.calls += evidence.calls.len() as u64;
        self.exports += evidence.made.values().map(|made| made.exports).sum::<u64>();
        self.promises.add(Findings::of(evidence));
        self.holds = self.promises.holds();
    }

    /// The result for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} crashes ({} of the daemon, {} of enqueue) in {}; seed {}\n{} jobs, {} calls, {} exports\n\n",
            self.crashes(),
            self.daemons_killed,
            self.enqueues_killed,
            humantime::format_duration(Duration::from_secs(self.seconds)),
            self.seed,
            self.jobs,
            self.calls,
            self.exports
        );
        for (promise, finding) in self.promises.findings() {
            let word = if finding.broken.is_empty() { "holds" } else { "BROKEN" };
            let mut begins = format!("{} {:<34} {word:<7}", promise.number, promise.words);
            for counts in COUNTS.lay_out(vec![finding.checked()]).lines() {
                let _ = writeln!(text, "{begins:<BEFORE_COUNTS$} {}", counts.trim_start());
                begins.clear();
            }
            for broken in finding.broken.iter().take(SHOWN) {
                let _ = writeln!(text, "    {broken}");
            }
            if finding.broken.len() > SHOWN {
                let _ = writeln!(text, "    and {} more", finding.broken.len() - SHOWN);
            }
        }
        text + if self.holds { "\nevery guarantee holds\n" } else { "\nNOT every guarantee holds\n" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_fits_into_eighty_columns() {
        let mut outcome = SelftestOutcome::new(999_999_999);
        outcome.take(&RunEvidence::default(), 0);
        let text = outcome.text();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 12, "{text}");
        for line in lines {
            assert!(line.len() <= 80 && !line.ends_with(' '), "{line:?}");
        }
    }
}
