//! Pausing and resuming whole batches and lanes.

use crate::cli::exit::{Exit, UsageError};
use crate::cli::session::Session;
use crate::cli::steer::consent::{CALLED_OFF, ConsentArgs};
use crate::cli::steer::selector::SelectorArgs;
use crate::cli::steer::similar_names::{hint, near};
use crate::domain::{AccountLabel, BatchId, BatchName, Lane, LaneId, reconciliation_window};
use crate::queue::{ActPlan, BatchView, BreakerOpening, LaneView, Queue};
use crate::report::{
    TextStyle, capital, held_lanes, pause_question, pauses_text, plan_question, quoted, resume_command,
    resume_question, resumes_text, stopped_place, touched_text,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// Batches and lanes that are selected as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    batches: Vec<BatchView>,
    lanes: Vec<LaneView>,
    /// Their open circuit breakers.
    openings: Vec<(BreakerOpening, Lane)>,
    /// What else holds back their jobs: lanes of these batches, or batches in these lanes.
    others: Option<Box<Places>>,
}

impl Places {
    /// The batch or the lanes of a selection; an empty one means all lanes.
    pub(crate) async fn of(selection: &SelectorArgs, queue: &Queue) -> anyhow::Result<Self> {
        let batch = selection.resolve(queue).await?.batch;
        let all = queue.lanes(None).await?;
        if let Some(batch) = batch {
            let openings = open_breakers(queue, &all, |opening| opening.batch == Some(batch.id)).await?;
            let mut lanes = queue.lanes(Some(batch.id)).await?;
            let of_lanes = open_breakers(queue, &lanes, |opening| opening.batch.is_none()).await?;
            lanes.retain(|lane| lane.paused.is_some());
            let others = Self { lanes, openings: of_lanes, ..Self::default() };
            return Ok(Self { batches: vec![batch], lanes: Vec::new(), openings, others: Some(Box::new(others)) });
        }
        let known: Vec<Lane> = all.iter().map(|lane| lane.lane.clone()).collect();
        // With --all there may be no lanes yet, which is no error.
        let lanes: Vec<LaneView> = all.into_iter().filter(|lane| selection.fits(&lane.lane)).collect();
        if lanes.is_empty() && !selection.is_empty() {
            return Err(no_such_lane(&known, selection.account.as_ref()).into());
        }
        let openings = open_breakers(queue, &lanes, |opening| opening.batch.is_none()).await?;
        let of_batches = open_breakers(queue, &lanes, |opening| opening.batch.is_some()).await?;
        let others = Self { openings: of_batches, ..Self::default() };
        Ok(Self { batches: Vec::new(), lanes, openings, others: Some(Box::new(others)) })
    }

    /// All of them.
    pub(crate) async fn every(queue: &Queue) -> anyhow::Result<Self> {
        let lanes = queue.lanes(None).await?;
        let openings = open_breakers(queue, &lanes, |_| true).await?;
        Ok(Self { batches: queue.batches().await?, lanes, openings, others: None })
    }

    /// The places that hold back jobs of a plan.
    pub(crate) async fn holding(plan: &ActPlan, queue: &Queue) -> anyhow::Result<Self> {
        let mut places = Self::every(queue).await?;
        places.batches.retain(|batch| plan.places.iter().any(|(name, _)| *name == batch.name));
        places.lanes.retain(|lane| plan.places.iter().any(|(_, its)| *its == lane.lane));
        places.openings.retain(|(opening, lane)| {
            let covers = |batch: &BatchName| opening.batch_name.as_ref().is_none_or(|own| own == batch);
            plan.places.iter().any(|(batch, its)| its == lane && covers(batch))
        });
        Ok(places.only(|paused, stopped| paused || stopped))
    }

    /// Each pause and open circuit breaker, with the command that resumes it.
    pub(crate) fn staying(&self) -> Vec<String> {
        let stopped = self.openings.iter().map(|(opening, lane)| {
            let (place, way) = (capital(&stopped_place(opening, lane)), resume_command(opening, lane));
            let cause = &opening.cause;
            format!("{place} stays stopped by its circuit breaker ({cause}); `{way}` resumes it.")
        });
        let batches = self.batches.iter().filter(|batch| batch.paused.is_some()).map(|batch| {
            let name = quoted(batch.name.as_str());
            format!("Batch {} stays paused; `snapferry resume --batch {name}` resumes it.", batch.name)
        });
        let lanes = self.lanes.iter().filter(|lane| lane.paused.is_some()).map(|view| {
            let Lane { account, region } = &view.lane;
            let way = format!("snapferry resume --account {account} --region {region}");
            format!("Lane {} stays paused; `{way}` resumes it.", view.lane)
        });
        stopped.chain(batches).chain(lanes).collect()
    }

    /// What will be resumed.
    pub(crate) fn resume_text(&self, style: TextStyle) -> String {
        resumes_text(&self.batches, &self.lanes, &[], &[], &self.openings, 0, style)
    }

    /// The question before resuming these and acting on a plan, without its question mark.
    pub(crate) fn question(&self, plan: &ActPlan) -> String {
        match (self.is_empty(), plan.is_empty()) {
            (true, _) => plan_question(plan),
            (false, true) => resume_question(&self.batches, &self.lanes, None),
            (false, false) => {
                let resume = resume_question(&self.batches, &self.lanes, None);
                format!("{}, and {}", plan_question(plan), resume.replacen("Resume", "resume", 1))
            }
        }
    }

    /// Resumes them.
    pub(crate) async fn resume(&self, session: &mut Session<'_>) -> anyhow::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let (batches, lanes) = (self.batch_ids(), self.lane_ids());
        let resumed = session.queue.resume(&batches, &lanes, session.now(), session.person).await?;
        session.screen.say(if resumed == 0 { "Already resumed by somebody else.\n" } else { "Resumed.\n" })
    }

    /// Those that fit, by whether each is paused and whether its circuit breaker is open.
    fn only(&self, fits: impl Fn(bool, bool) -> bool) -> Self {
        let is_stopped = |batch: Option<BatchId>, lane: Option<LaneId>| {
            let mut openings = self.openings.iter().map(|(opening, _)| opening);
            openings.any(|opening| opening.batch == batch && lane.is_none_or(|lane| opening.lane == lane))
        };
        let mut places = self.clone();
        places.batches.retain(|batch| fits(batch.paused.is_some(), is_stopped(Some(batch.id), None)));
        places.lanes.retain(|lane| fits(lane.paused.is_some(), is_stopped(None, Some(lane.id))));
        places
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.lanes.is_empty()
    }

    fn batch_ids(&self) -> Vec<BatchId> {
        self.batches.iter().map(|batch| batch.id).collect()
    }

    fn lane_ids(&self) -> Vec<LaneId> {
        self.lanes.iter().map(|lane| lane.id).collect()
    }
}

/// The error for unknown lanes; `account` is what was given.
pub(crate) fn no_such_lane(known: &[Lane], account: Option<&AccountLabel>) -> UsageError {
    let account = account.map(AccountLabel::as_str).unwrap_or_default();
    let accounts: BTreeSet<&str> = known.iter().map(|lane| lane.account.as_str()).collect();
    let meant = if accounts.contains(account) { Vec::new() } else { near(account, accounts.into_iter()) };
    let lanes: Vec<String> = known.iter().map(Lane::to_string).collect();
    let lanes = if lanes.is_empty() { "there are none yet".to_owned() } else { lanes.join(", ") };
    UsageError(format!("no such lane; the lanes are: {lanes}{}", hint(&meant)))
}

async fn open_breakers(
    queue: &Queue,
    lanes: &[LaneView],
    meant: impl Fn(&BreakerOpening) -> bool,
) -> anyhow::Result<Vec<(BreakerOpening, Lane)>> {
    let of = |opening: &BreakerOpening| lanes.iter().find(|lane| lane.id == opening.lane).map(|lane| lane.lane.clone());
    let openings = queue.breaker_openings(None).await?.into_iter().filter(|opening| meant(opening));
    Ok(openings.filter_map(|opening| of(&opening).map(|lane| (opening, lane))).collect())
}

/// Pauses those of `places` that are not paused yet.
pub(crate) async fn pause(places: &Places, consent: ConsentArgs, mut session: Session<'_>) -> anyhow::Result<Exit> {
    let (running, already) = (places.only(|paused, _| !paused), places.only(|paused, _| paused));
    let style = session.screen.style;
    session.screen.say(&pauses_text(&running.batches, &running.lanes, &already.batches, &already.lanes, style))?;
    if running.is_empty() {
        return Ok(Exit::Done);
    }
    if !session.agrees(consent, &pause_question(&running.batches, &running.lanes))? {
        return Ok(CALLED_OFF);
    }
    let (batches, lanes) = (running.batch_ids(), running.lane_ids());
    let paused = session.queue.pause(&batches, &lanes, session.now(), session.person).await?;
    session.screen.say(if paused == 0 { "Already paused by somebody else.\n" } else { "Paused.\n" })?;
    Ok(Exit::Done)
}

/// Resumes those of `places` that are held back, and the jobs of `plan`.
pub(crate) async fn resume(
    places: &Places,
    plan: Option<&ActPlan>,
    consent: ConsentArgs,
    mut session: Session<'_>,
) -> anyhow::Result<Exit> {
    let paused = places.only(|paused, stopped| paused || stopped);
    // A plan means everything; without one, jobs that were paused individually stay paused.
    let (running, staying) = if plan.is_some() {
        (Places::default(), 0)
    } else {
        let batch = places.batches.first().map(|batch| batch.id);
        (
            places.only(|paused, stopped| !paused && !stopped),
            session.queue.paused_jobs(batch, &places.lane_ids()).await?,
        )
    };
    if paused.is_empty() && plan.is_some_and(ActPlan::is_empty) {
        session.screen.say("Nothing is paused.\n")?;
    }
    let plan = plan.filter(|plan| !plan.is_empty());
    let Places { batches, lanes, openings, .. } = &paused;
    let style = session.screen.style;
    session.screen.say(&resumes_text(batches, lanes, &running.batches, &running.lanes, openings, staying, style))?;
    session.say_lines(places.others.as_ref().map(|others| others.staying()).unwrap_or_default())?;
    if let Some(plan) = plan {
        session.screen.say(&touched_text(plan, style))?;
    }
    if paused.is_empty() && plan.is_none() {
        return Ok(Exit::Done);
    }
    if !session.agrees(consent, &resume_question(batches, lanes, plan))? {
        return Ok(CALLED_OFF);
    }
    paused.resume(&mut session).await?;
    if let Some(plan) = plan {
        session.act(plan).await?;
    }
    Ok(Exit::Done)
}

/// Shortens the reconciliation window of lanes to what the settings say.
pub(crate) async fn reset_window(
    places: &Places,
    consent: ConsentArgs,
    mut session: Session<'_>,
) -> anyhow::Result<Exit> {
    if places.lanes.is_empty() {
        return Err(UsageError("--reset-window takes lanes: --account, --region or --all".to_owned()).into());
    }
    let (queue, now) = (session.queue, session.now());
    let takeover = queue.takeover().await?;
    let waits = |lane: &LaneView| {
        let window = reconciliation_window(Duration::ZERO, lane.delay, now);
        takeover.as_ref().and_then(|takeover| takeover.left(window)).is_some()
    };
    if places.lanes.iter().any(waits) {
        anyhow::bail!(
            "the wait after the takeover depends on the reconciliation window; reset the window when the wait is over"
        );
    }
    let late = places.lanes.iter().filter(|lane| !lane.delay.longest.is_zero());
    let (ids, names): (Vec<LaneId>, Vec<String>) = late.map(|lane| (lane.id, lane.lane.to_string())).unzip();
    if ids.is_empty() {
        session.screen.say("Lightsail's lists were not late in these lanes.\n")?;
        return Ok(Exit::Done);
    }
    if !session.agrees(consent, &format!("Forget how late Lightsail's lists were in {}", names.join(", ")))? {
        return Ok(CALLED_OFF);
    }
    queue.forget_delays(ids).await?;
    session.screen.say("Forgotten. Unconfirmed attempts keep their reconciliation window.\n")?;
    Ok(Exit::Done)
}

/// What a drain left behind open circuit breakers or exhausted quotas, each with the command that resumes it.
pub(crate) async fn left_stopped(queue: &Queue, batch: Option<BatchId>) -> anyhow::Result<Vec<String>> {
    let lanes = queue.lanes(None).await?;
    let covers = |opening: &BreakerOpening| batch.is_none_or(|batch| opening.covers(batch));
    let openings = open_breakers(queue, &lanes, covers).await?;
    let stopped = openings.iter().map(|(opening, lane)| {
        let (place, way) = (stopped_place(opening, lane), resume_command(opening, lane));
        format!(
            "{place} has stopped, its circuit breaker is open: {}; once the cause is fixed, resume it with `{way}` and start a \
             daemon or a run",
            opening.cause
        )
    });
    Ok(stopped.chain(held_lanes(&queue.lanes(batch).await?)).collect())
}
