//! The result of a self-test, for people and as JSON.

use crate::verdict::{Count, Findings, RunEvidence};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Violations shown for each guarantee.
const SHOWN: usize = 5;

/// The width of number, guarantee and result, and what they leave of 80 columns for the counts.
const BEFORE_COUNTS: usize = 44;
const COUNTS: usize = 80 - BEFORE_COUNTS - 1;

/// The result.
#[derive(Debug)]
pub(super) struct SelftestOutcome {
    pub(super) verdict: Findings,
    pub(super) rounds: u32,
    pub(super) took: Duration,
    /// The folder that is kept as evidence.
    pub(super) kept: Option<PathBuf>,
    seed: u64,
    daemons_killed: u32,
    enqueues_killed: u32,
    jobs: u64,
    calls: u64,
    exports: u64,
}

#[derive(Serialize)]
struct OutcomeJson<'a> {
    holds: bool,
    seed: u64,
    seconds: u64,
    rounds: u32,
    daemons_killed: u32,
    enqueues_killed: u32,
    jobs: u64,
    calls: u64,
    exports: u64,
    promises: Vec<PromiseJson<'a>>,
    kept: Option<&'a PathBuf>,
}

#[derive(Serialize)]
struct PromiseJson<'a> {
    number: u8,
    promise: &'static str,
    holds: bool,
    counts: &'a [Count],
    broken: &'a [String],
}

impl SelftestOutcome {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            verdict: Findings::default(),
            rounds: 0,
            took: Duration::ZERO,
            kept: None,
            seed,
            daemons_killed: 0,
            enqueues_killed: 0,
            jobs: 0,
            calls: 0,
            exports: 0,
        }
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
        self.verdict.add(Findings::of(evidence));
    }

    pub(super) fn write_text(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(
            out,
            "{} crashes ({} of the daemon, {} of enqueue) in {}; seed {}\n{} jobs, {} calls, {} exports\n",
            self.crashes(),
            self.daemons_killed,
            self.enqueues_killed,
            humantime::format_duration(Duration::from_secs(self.took.as_secs())),
            self.seed,
            self.jobs,
            self.calls,
            self.exports
        )?;
        for (promise, finding) in self.verdict.findings() {
            let word = if finding.broken.is_empty() { "holds" } else { "BROKEN" };
            let mut begins = format!("{} {:<34} {word:<7}", promise.number(), promise.words());
            for line in folded(&finding.checked()) {
                writeln!(out, "{begins:<BEFORE_COUNTS$} {line}")?;
                begins.clear();
            }
            for broken in finding.broken.iter().take(SHOWN) {
                writeln!(out, "    {broken}")?;
            }
            if finding.broken.len() > SHOWN {
                writeln!(out, "    and {} more", finding.broken.len() - SHOWN)?;
            }
        }
        let words = if self.verdict.holds() { "every guarantee holds" } else { "NOT every guarantee holds" };
        writeln!(out, "\n{words}")
    }

    pub(super) fn write_json(&self, out: &mut impl Write) -> std::io::Result<()> {
        let promises = self.verdict.findings().map(|(promise, finding)| PromiseJson {
            number: promise.number(),
            promise: promise.words(),
            holds: finding.broken.is_empty(),
            counts: &finding.counts,
            broken: &finding.broken,
        });
        let told = OutcomeJson {
            holds: self.verdict.holds(),
            seed: self.seed,
            seconds: self.took.as_secs(),
            rounds: self.rounds,
            daemons_killed: self.daemons_killed,
            enqueues_killed: self.enqueues_killed,
            jobs: self.jobs,
            calls: self.calls,
            exports: self.exports,
            promises: promises.collect(),
            kept: self.kept.as_ref(),
        };
        serde_json::to_writer_pretty(&mut *out, &told)?;
        writeln!(out)
    }
}

/// Breaks a text between words, so that no line is longer than the counts may be.
fn folded(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= COUNTS => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::RunEvidence;

    #[test]
    fn a_verdict_fits_into_eighty_columns_and_breaks_no_word() {
        let mut outcome = SelftestOutcome::new(999_999_999);
        outcome.verdict.add(Findings::of(&RunEvidence::default()));
        let mut text = Vec::new();
        outcome.write_text(&mut text).expect("written");
        let text = String::from_utf8(text).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 12, "{text}");
        for line in lines {
            assert!(line.len() <= 80 && !line.ends_with(' '), "{line:?}");
        }
        let long =
            "146 exports begun, 0 of them needless, 10 starts of a lane after an inventory, 12 attempts proven absent";
        assert!(folded(long).iter().all(|line| line.len() <= COUNTS));
        assert_eq!(folded(long).join(" "), long);
    }
}
