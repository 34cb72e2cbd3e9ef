//! `snapferry retry`, `cancel`, `pause` and `resume`: acts on many jobs at once. Each shows the jobs, asks, and records
//! in the history who did it.

use crate::cli::exit::{Exit, UsageError};
use crate::cli::session::Session;
use crate::cli::steer::consent::{CALLED_OFF, ConsentArgs};
use crate::cli::steer::pause_command::{self, Places};
use crate::cli::steer::selector::SelectorArgs;
use crate::domain::{Act, JobId};
use crate::queue::{ActPlan, Selector};
use crate::report::touched_text;

/// Retry failed or cancelled jobs
///
/// A job goes back to the queue with all its attempts. Before it is sent, Snapferry reads Lightsail's records: an export
/// that they show is adopted, not repeated. A job that `resolve --send-again` queued ignores the records from before that
/// decision. A job is left alone if its snapshot has another live job. Batches and lanes that are paused, or whose
/// circuit breaker is open, stay so and are listed; --resume resumes them.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry retry --state failed           everything that failed, asks first
  snapferry retry --batch fleet --error ServiceException --yes
  snapferry retry --batch fleet --state failed --resume
  snapferry failures                       causes, each with its retry command
  snapferry retry 12 17                    these two jobs")]
pub struct RetryArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Also resume their batches and lanes if these are paused or stopped
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Cancel jobs that have not been sent yet
///
/// Jobs in flight are left alone: Lightsail cannot cancel an export, and Snapferry tracks it to the end.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry cancel --batch fleet           queued jobs of a batch, asks first
  snapferry cancel --name 'test-*' --state queued --yes
  snapferry cancel 12 17                   these two jobs")]
pub struct CancelArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Pause jobs, batches or lanes
///
/// --batch alone pauses the whole batch, --account or --region alone pause whole lanes, including rows enqueued later.
/// Any other selection pauses the matching queued jobs individually. Pausing holds back new exports only; exports
/// already started continue and are tracked to the end.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry pause --batch fleet                         a whole batch
  snapferry pause --account prod --region us-east-1     a whole lane
  snapferry pause --name 'db-*' --yes                   jobs by name
  snapferry pause --all                                 every lane")]
pub struct PauseArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// All lanes
    #[arg(long, help_heading = "Selection")]
    all: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Resume paused jobs, batches or lanes
///
/// Takes the same selections as pause: --batch alone resumes a batch, --account or --region alone resume lanes, and any
/// other selection resumes the matching jobs. It also closes the open circuit breaker of a batch or lane. Before jobs
/// that were paused individually are sent, Snapferry reads Lightsail's records again.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry resume --batch fleet                        a whole batch
  snapferry resume --account prod --region us-east-1    a whole lane
  snapferry resume --name 'db-*' --yes                  jobs by name
  snapferry resume --all                                every pause")]
pub struct ResumeArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Everything that is paused: lanes, batches and jobs
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// Resume nothing, but forget how late Lightsail's lists were in these lanes; unconfirmed attempts keep their window
    #[arg(long)]
    reset_window: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

impl RetryArgs {
    /// Retries them.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        if self.selection.is_empty() {
            return Err(no_selection("retry", "--state failed selects everything that failed").into());
        }
        // The jobs of a killed load must not count as live.
        session.queue.drop_killed_loads(&format!("snapferry retry, pid {}", std::process::id())).await?;
        let held = if self.resume { HeldPlaces::Resume } else { HeldPlaces::Report };
        act_on_jobs(Act::Retry, held, &self.selection, self.consent, session).await
    }
}

impl CancelArgs {
    /// Cancels them.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        if self.selection.is_empty() {
            return Err(no_selection("cancel", "--state queued selects everything that is queued").into());
        }
        act_on_jobs(Act::Cancel, HeldPlaces::Ignore, &self.selection, self.consent, session).await
    }
}

impl PauseArgs {
    /// Pauses them.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        if !selects_places(&self.selection, self.all, "pause")? {
            return act_on_jobs(Act::Pause, HeldPlaces::Ignore, &self.selection, self.consent, session).await;
        }
        let places = Places::of(&self.selection, session.queue).await?;
        pause_command::pause(&places, self.consent, session).await
    }
}

impl ResumeArgs {
    /// Resumes them.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let (queue, of_places) = (session.queue, selects_places(&self.selection, self.all, "resume")?);
        if self.reset_window {
            let places = if of_places { Places::of(&self.selection, queue).await? } else { Places::default() };
            return pause_command::reset_window(&places, self.consent, session).await;
        }
        if !of_places {
            return act_on_jobs(Act::Resume, HeldPlaces::Ignore, &self.selection, self.consent, session).await;
        }
        if self.all {
            let paused_jobs = queue.plan_act(Act::Resume, &Selector::paused()).await?;
            return pause_command::resume(&Places::every(queue).await?, Some(&paused_jobs), self.consent, session)
                .await;
        }
        pause_command::resume(&Places::of(&self.selection, queue).await?, None, self.consent, session).await
    }
}

/// Whether a batch or lanes are paused or resumed as a whole; otherwise jobs are, individually.
fn selects_places(selection: &SelectorArgs, all: bool, command: &str) -> Result<bool, UsageError> {
    match (selection.is_empty(), all) {
        (true, true) => Ok(true),
        (true, false) => Err(no_selection(command, "--all selects everything")),
        (false, true) => Err(UsageError("--all cannot be combined with another selection".to_owned())),
        (false, false) => Ok(selection.names_one_place()),
    }
}

fn no_selection(command: &str, way_out: &str) -> UsageError {
    UsageError(format!(
        "nothing selected to {command}: give job numbers, --batch, --account, --region, --state, --error or --name; {way_out}"
    ))
}

/// What to do about paused or stopped batches and lanes that hold back the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldPlaces {
    Ignore,
    Report,
    Resume,
}

async fn act_on_jobs(
    act: Act,
    held: HeldPlaces,
    selection: &SelectorArgs,
    consent: ConsentArgs,
    mut session: Session<'_>,
) -> anyhow::Result<Exit> {
    let (queue, style) = (session.queue, session.screen.style);
    let selector = selection.resolve(queue).await?.selector;
    let plan = queue.plan_act(act, &selector).await?;
    session.screen.say(&touched_text(&plan, style))?;
    let mut places = if held == HeldPlaces::Ignore { Places::default() } else { Places::holding(&plan, queue).await? };
    if held == HeldPlaces::Report {
        let mut staying = std::mem::take(&mut places).staying();
        if !staying.is_empty() {
            staying.push("Add --resume to resume them as well.".to_owned());
        }
        session.say_lines(staying)?;
    }
    session.screen.say(&places.resume_text(style))?;
    if plan.is_empty() && places.is_empty() {
        session.say_lines(selection.near_misses(queue).await?)?;
        return Ok(all_done(&plan, &selection.jobs));
    }
    if !session.agrees(consent, &places.question(&plan))? {
        return Ok(CALLED_OFF);
    }
    if !plan.is_empty() {
        session.act(&plan).await?;
    }
    places.resume(&mut session).await?;
    Ok(all_done(&plan, &selection.jobs))
}

/// Jobs that are named by their numbers must each be done; any other selection takes what it finds.
fn all_done(plan: &ActPlan, named: &[JobId]) -> Exit {
    let undone = plan.left.keys().any(|reason| !plan.act().is_done_already(*reason));
    if undone && !named.is_empty() { Exit::Failed } else { Exit::Done }
}
