//! `snapferry retry`, `cancel`, `pause` and `resume`: what people do to many jobs at once. Each shows what it would
//! touch, asks, and writes who did it into the history.

use super::consent::{Asking, Consent, ConsentArgs};
use super::exit::{Exit, UsageError};
use super::pausing::{self, Places};
use super::screen::Screen;
use super::selector::SelectorArgs;
use crate::domain::{Act, JobId, Timestamp};
use crate::queue::{Plan, Queue, Selector};
use crate::report::{acted_text, touched_text};

/// Who acts, and when.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The name for the history.
    pub name: String,
    /// The time for the history.
    pub now: Timestamp,
}

/// Try failed or cancelled jobs again, with all their attempts
///
/// A job goes back to the queue; the lane's ledger is read before anything is sent for it. What the ledger
/// shows as exported meanwhile is adopted, not exported again; a job that was sent again by `resolve --send-again` adopts
/// nothing that the ledger showed by then. A job of a snapshot that has another live job is left alone. Batches and lanes that
/// are paused, or whose circuit breaker is open, stay so, and the command says which; with --resume they go on.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry retry --state failed           what failed, after a question
  snapferry retry --batch fleet --error ServiceException --yes
  snapferry retry --batch fleet --state failed --resume
  snapferry failures                       causes, each with its command
  snapferry retry 12 17                    these two")]
pub struct RetryArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Resume their batches and lanes where these are paused or stopped
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Call off jobs that have not been sent
///
/// Jobs in flight are left alone: an export cannot be cancelled at Lightsail, it goes on there and is followed to its
/// end.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry cancel --batch fleet           what is queued of a batch, asks first
  snapferry cancel --name 'test-*' --state queued --yes
  snapferry cancel 12 17                   these two")]
pub struct CancelArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Leave jobs unsent until they are resumed
///
/// With --batch alone the whole batch is paused, with --account or --region alone whole lanes are, rows that come later
/// too; any other selection pauses the queued jobs that fit, one by one. A pause stops sending, not following: what
/// Lightsail has goes on and is settled.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry pause --batch fleet                         a whole batch
  snapferry pause --account prod --region us-east-1     a whole lane
  snapferry pause --name 'db-*' --yes                   jobs by name
  snapferry pause --all                                 every lane")]
pub struct PauseArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Every lane
    #[arg(long, help_heading = "Selection")]
    all: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

/// Let paused jobs, batches and lanes go on
///
/// It lifts what the same selection paused: a batch with --batch alone, lanes with --account or --region alone,
/// otherwise the jobs that fit. A batch or a lane that has stopped by itself goes on in the same way. Before jobs that were paused one by one are sent, the lane's ledger is read anew.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry resume --batch fleet                        a whole batch
  snapferry resume --account prod --region us-east-1    a whole lane
  snapferry resume --name 'db-*' --yes                  jobs by name
  snapferry resume --all                                every pause there is")]
pub struct ResumeArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Every pause, of lanes, batches and jobs
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// Resume nothing, but forget how late Lightsail's lists were in these lanes; attempts that are open keep their window
    #[arg(long)]
    reset_window: bool,
    #[command(flatten)]
    consent: ConsentArgs,
}

impl RetryArgs {
    /// Tries them again.
    ///
    /// # Errors
    /// No selection, one that is not there, nobody to ask, a database that fails.
    pub async fn run(
        &self,
        queue: &Queue,
        actor: &Actor,
        screen: Screen<'_>,
        asking: Asking<'_>,
    ) -> anyhow::Result<Exit> {
        if self.selection.is_empty() {
            return Err(no_selection("retry", "--state failed takes all that failed").into());
        }
        // The jobs of a killed load stand in nobody's way.
        queue.drop_killed_loads(&format!("snapferry retry, pid {}", std::process::id())).await?;
        let held = if self.resume { Held::GoesOn } else { Held::StaysSo };
        act_on_jobs(Act::Retry, held, &self.selection, self.consent, queue, actor, screen, asking).await
    }
}

impl CancelArgs {
    /// Calls them off.
    ///
    /// # Errors
    /// No selection, one that is not there, nobody to ask, a database that fails.
    pub async fn run(
        &self,
        queue: &Queue,
        actor: &Actor,
        screen: Screen<'_>,
        asking: Asking<'_>,
    ) -> anyhow::Result<Exit> {
        if self.selection.is_empty() {
            return Err(no_selection("cancel", "--state queued takes all that is queued").into());
        }
        act_on_jobs(Act::Cancel, Held::NotAsked, &self.selection, self.consent, queue, actor, screen, asking).await
    }
}

impl PauseArgs {
    /// Pauses them.
    ///
    /// # Errors
    /// No selection, one that is not there, nobody to ask, a database that fails.
    pub async fn run(
        &self,
        queue: &Queue,
        actor: &Actor,
        screen: Screen<'_>,
        asking: Asking<'_>,
    ) -> anyhow::Result<Exit> {
        match reach(&self.selection, self.all, "pause")? {
            Reach::Jobs => {
                act_on_jobs(Act::Pause, Held::NotAsked, &self.selection, self.consent, queue, actor, screen, asking)
                    .await
            }
            Reach::Places => {
                let places = Places::of(&self.selection, queue).await?;
                pausing::pause(&places, self.consent, queue, actor, screen, asking).await
            }
        }
    }
}

impl ResumeArgs {
    /// Lets them go on.
    ///
    /// # Errors
    /// No selection, one that is not there, nobody to ask, a database that fails.
    pub async fn run(
        &self,
        queue: &Queue,
        actor: &Actor,
        screen: Screen<'_>,
        asking: Asking<'_>,
    ) -> anyhow::Result<Exit> {
        let reach = reach(&self.selection, self.all, "resume")?;
        if self.reset_window {
            let places =
                if reach == Reach::Jobs { Places::default() } else { Places::of(&self.selection, queue).await? };
            return pausing::reset_window(&places, self.consent, queue, actor, screen, asking).await;
        }
        match reach {
            Reach::Jobs => {
                act_on_jobs(Act::Resume, Held::NotAsked, &self.selection, self.consent, queue, actor, screen, asking)
                    .await
            }
            Reach::Places if self.all => {
                let plan = queue.plan_act(Act::Resume, &Selector::paused()).await?;
                pausing::resume(&Places::every(queue).await?, Some(&plan), self.consent, queue, actor, screen, asking)
                    .await
            }
            Reach::Places => {
                let places = Places::of(&self.selection, queue).await?;
                pausing::resume(&places, None, self.consent, queue, actor, screen, asking).await
            }
        }
    }
}

/// What a pause is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// A batch, or lanes.
    Places,
    /// Jobs one by one.
    Jobs,
}

fn reach(selection: &SelectorArgs, all: bool, command: &str) -> Result<Reach, UsageError> {
    match (selection.is_empty(), all) {
        (true, true) => Ok(Reach::Places),
        (true, false) => Err(no_selection(command, "--all takes everything")),
        (false, true) => Err(UsageError("--all stands alone; leave out the other selection, or --all".to_owned())),
        (false, false) if selection.names_one_place() => Ok(Reach::Places),
        (false, false) => Ok(Reach::Jobs),
    }
}

fn no_selection(command: &str, way_out: &str) -> UsageError {
    UsageError(format!(
        "say what to {command}: the numbers of jobs, --batch, --account, --region, --state, --error or --name; {way_out}"
    ))
}

/// What becomes of batches and lanes that hold back what is taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Nobody asks.
    NotAsked,
    /// They stay held back, and are named.
    StaysSo,
    /// They go on.
    GoesOn,
}

#[expect(clippy::too_many_arguments, reason = "what is asked for, by whom, and where it is said")]
async fn act_on_jobs(
    act: Act,
    held: Held,
    selection: &SelectorArgs,
    consent: ConsentArgs,
    queue: &Queue,
    actor: &Actor,
    mut screen: Screen<'_>,
    asking: Asking<'_>,
) -> anyhow::Result<Exit> {
    let selector = selection.resolve(queue).await?.selector;
    let plan = queue.plan_act(act, &selector).await?;
    screen.say(&touched_text(&plan, screen.look))?;
    let mut places = if held == Held::NotAsked { Places::default() } else { Places::holding(&plan, queue).await? };
    if held == Held::StaysSo {
        let mut staying = std::mem::take(&mut places).staying();
        if !staying.is_empty() {
            staying.push("Add --resume to let that go on as well.".to_owned());
            screen.say(&screen.look.lay_out(staying))?;
        }
    }
    screen.say(&places.going_on(screen.look))?;
    if plan.is_empty() && places.is_empty() {
        for miss in selection.near_misses(queue).await? {
            screen.say(&screen.look.lay_out(vec![miss]))?;
        }
        return Ok(all_done(&plan, &selection.jobs));
    }
    if consent.ask(&places.question(&plan), asking, &mut screen)? == Consent::Refused {
        return Ok(Consent::CALLED_OFF);
    }
    if !plan.is_empty() {
        let acted = queue.act(&plan, actor.now, &actor.name).await?;
        screen.say(&acted_text(&plan, acted, screen.look))?;
    }
    places.go_on(queue, actor, &mut screen).await?;
    Ok(all_done(&plan, &selection.jobs))
}

/// Who names jobs by their numbers wants each of them done; any other selection takes what it finds.
fn all_done(plan: &Plan, named: &[JobId]) -> Exit {
    let undone = plan.left.keys().any(|reason| !plan.act().is_done_already(*reason));
    if undone && !named.is_empty() { Exit::Failed } else { Exit::Done }
}
