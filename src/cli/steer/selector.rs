//! The selectors, the same for every command that takes jobs.

use crate::cli::exit::UsageError;
use crate::cli::steer::similar_names::{hint, near};
use crate::domain::{AccountLabel, BatchName, ErrorCode, JobId, JobState, Lane, Region};
use crate::queue::{BatchView, Queue, Selector};
use crate::report::quoted;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use glob::{Pattern, PatternError};
use std::collections::BTreeSet;

/// How many of the newest failed jobs are searched for error codes to suggest.
const FAILED_LOOKED_AT: u32 = 1000;

/// Which jobs: those that match every option, and one of the values of a repeated option
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SelectorArgs {
    /// Jobs by number
    #[arg(value_name = "JOB", help_heading = "Selection", value_parser = crate::cli::terminal::parsers::job)]
    pub(crate) jobs: Vec<JobId>,
    /// Jobs of this batch
    #[arg(long, value_name = "BATCH", help_heading = "Selection")]
    pub(crate) batch: Option<String>,
    /// Jobs of this account
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountLabel::parse, help_heading = "Selection")]
    pub(crate) account: Option<AccountLabel>,
    /// Jobs in this Region
    #[arg(long, value_name = "REGION", value_parser = Region::parse, help_heading = "Selection")]
    pub(crate) region: Option<Region>,
    /// Jobs in this state; can be repeated
    #[arg(long = "state", value_name = "STATE", value_parser = state(), value_delimiter = ',', hide_possible_values = true,
          help_heading = "Selection", long_help = STATES)]
    pub(crate) states: Vec<JobState>,
    /// Jobs with this error code; can be repeated
    #[arg(long = "error", value_name = "CODE", help_heading = "Selection", value_delimiter = ',')]
    pub(crate) errors: Vec<String>,
    /// Jobs whose snapshot name matches this pattern, e.g. 'web-*'; can be repeated
    #[arg(long = "name", value_name = "GLOB", value_parser = glob, help_heading = "Selection")]
    pub(crate) names: Vec<String>,
}

/// A pattern as in a shell: `*`, `?`, `[abc]`, and `[!abc]` or `[^abc]` for none of these.
pub(crate) fn pattern(text: &str) -> Result<Pattern, PatternError> {
    let mut text = text.replace("[^", "[!");
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    Pattern::new(&text)
}

/// Checks a pattern, and keeps it as text for the database.
fn glob(text: &str) -> Result<String, PatternError> {
    pattern(text).map(|_| text.to_owned())
}

const STATES: &str = "Jobs in this state; can be repeated: queued, submitting, exporting, unknown, needs_review, \
                      succeeded, failed, cancelled";

impl SelectorArgs {
    /// The jobs of one batch.
    pub(crate) fn of_batch(name: &BatchName) -> Self {
        Self { batch: Some(name.as_str().to_owned()), ..Self::default() }
    }
}

/// What the selectors mean for this database.
#[derive(Debug, Clone)]
pub(crate) struct Selected {
    /// The jobs.
    pub(crate) selector: Selector,
    /// The batch, where one is named.
    pub(crate) batch: Option<BatchView>,
}

impl SelectorArgs {
    /// The selection without jobs, states and codes, as on a command line, with a leading space.
    pub(crate) fn scope(&self) -> String {
        let one = |option: &str, value: &str| format!(" {option} {}", quoted(value));
        let mut words = String::new();
        words.extend(self.batch.iter().map(|batch| one("--batch", batch)));
        words.extend(self.account.iter().map(|account| one("--account", account.as_str())));
        words.extend(self.region.iter().map(|region| one("--region", region.as_str())));
        words.extend(self.names.iter().map(|name| one("--name", name)));
        words
    }

    /// Whether nothing is selected.
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_none() && self.account.is_none() && self.region.is_none() && self.names_no_jobs()
    }

    /// Whether the selection is a batch alone, or lanes alone.
    pub(crate) fn names_one_place(&self) -> bool {
        let lanes = self.account.is_some() || self.region.is_some();
        self.names_no_jobs() && (self.batch.is_some() != lanes)
    }

    fn names_no_jobs(&self) -> bool {
        self.jobs.is_empty() && self.states.is_empty() && self.errors.is_empty() && self.names.is_empty()
    }

    /// Whether a lane matches the selected account and Region.
    pub(crate) fn fits(&self, lane: &Lane) -> bool {
        lane.fits(self.account.as_ref(), self.region)
    }

    /// Explains an empty result: an unknown account, and error codes that no recent job failed with, each with similar names.
    pub(crate) async fn near_misses(&self, queue: &Queue) -> anyhow::Result<Vec<String>> {
        let mut misses = Vec::new();
        if let Some(account) = &self.account {
            let lanes = queue.lanes(None).await?;
            let known: BTreeSet<&str> = lanes.iter().map(|view| view.lane.account.as_str()).collect();
            if !known.is_empty() && !known.contains(account.as_str()) {
                let near = near(account.as_str(), known.iter().copied());
                let known = || format!("; known accounts: {}", known.iter().copied().collect::<Vec<_>>().join(", "));
                misses.push(format!("No job has the account {account}{}", hint_or(&near, known)));
            }
        }
        if !self.errors.is_empty() {
            let failed = queue.newest_failed(None, FAILED_LOOKED_AT).await?;
            let codes: BTreeSet<&str> =
                failed.iter().filter_map(|job| job.error_code.as_ref().map(ErrorCode::as_str)).collect();
            for wanted in self.errors.iter().filter(|wanted| !codes.contains(wanted.as_str())) {
                let near = near(wanted, codes.iter().copied());
                let all = || "; snapferry failures lists the codes".to_owned();
                misses.push(format!("No recent failure has the code {wanted:?}{}", hint_or(&near, all)));
            }
        }
        Ok(misses)
    }

    /// Looks up the selection in the database.
    pub(crate) async fn resolve(&self, queue: &Queue) -> anyhow::Result<Selected> {
        let batch = match &self.batch {
            Some(name) => Some(find_batch(queue, name).await?),
            None => None,
        };
        if let Some(missing) = queue.missing_jobs(&self.jobs).await?.first() {
            return Err(no_job(queue, *missing).await?.into());
        }
        let selector = Selector {
            jobs: self.jobs.clone(),
            batch: batch.as_ref().map(|batch| batch.id),
            account: self.account.clone(),
            region: self.region,
            states: self.states.clone(),
            error_codes: self.errors.iter().map(ErrorCode::new).collect(),
            name_globs: self.names.clone(),
            only_paused: false,
        };
        Ok(Selected { selector, batch })
    }
}

/// The batch of that name.
pub(crate) async fn find_batch(queue: &Queue, name: &str) -> anyhow::Result<BatchView> {
    if let Ok(parsed) = BatchName::parse(name)
        && let Some(batch) = queue.batch(&parsed).await?
    {
        return Ok(batch);
    }
    let names = queue.batch_names().await?;
    let names = || names.iter().map(BatchName::as_str);
    let near = near(name, names());
    let hint = match names().next() {
        None => "; there are no batches yet, create one with snapferry enqueue FILE".to_owned(),
        Some(newest) if near.is_empty() => format!("; the newest is {newest:?}, snapferry status lists them all"),
        Some(_) => hint(&near),
    };
    Err(UsageError(format!("there is no batch {name:?}{hint}")).into())
}

/// The similar names, or else what `otherwise` says.
fn hint_or(near: &[&str], otherwise: impl FnOnce() -> String) -> String {
    if near.is_empty() { otherwise() } else { hint(near) }
}

/// The error for a job that is not there.
pub(crate) async fn no_job(queue: &Queue, job: JobId) -> anyhow::Result<UsageError> {
    let range = match queue.job_range().await? {
        Some((first, last)) => format!("the jobs are {first} to {last}, snapferry jobs lists them"),
        None => "there are no jobs yet, create some with snapferry enqueue FILE".to_owned(),
    };
    Ok(UsageError(format!("there is no job {job}; {range}")))
}

fn state() -> impl TypedValueParser<Value = JobState> {
    PossibleValuesParser::new(JobState::ALL.map(JobState::as_str))
        .try_map(|text| JobState::parse(&text).ok_or("no such state"))
}
