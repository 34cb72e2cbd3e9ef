//! Pausing and resuming whole batches and lanes.

use super::acting::Actor;
use super::consent::{Asking, Consent, ConsentArgs};
use super::exit::{Exit, UsageError};
use super::screen::Screen;
use super::selector::SelectorArgs;
use crate::domain::{BatchId, LaneId};
use crate::queue::{BatchView, LaneView, Plan, Queue};
use crate::report::{acted_text, pause_question, pauses_text, plan_text, resume_question, resumes_text};

/// Batches and lanes that are meant as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    batches: Vec<BatchView>,
    lanes: Vec<LaneView>,
}

impl Places {
    /// The batch, or the lanes, that a selection names; without any all lanes.
    pub(super) async fn of(selection: &SelectorArgs, queue: &Queue) -> anyhow::Result<Self> {
        let batch = selection.resolve(queue).await?.batch;
        if let Some(batch) = batch {
            return Ok(Self { batches: vec![batch], lanes: Vec::new() });
        }
        let all = queue.lanes(None).await?;
        let known: Vec<String> = all.iter().map(|lane| lane.lane.to_string()).collect();
        // With --all before the first enqueue there is nothing, and nothing wrong.
        let lanes: Vec<LaneView> = all.into_iter().filter(|lane| selection.fits(&lane.lane)).collect();
        if lanes.is_empty() && !selection.is_empty() {
            let known = if known.is_empty() { "there are none yet".to_owned() } else { known.join(", ") };
            return Err(UsageError(format!("no such lane; the lanes are: {known}")).into());
        }
        Ok(Self { batches: Vec::new(), lanes })
    }

    /// All of them.
    pub(super) async fn every(queue: &Queue) -> anyhow::Result<Self> {
        Ok(Self { batches: queue.batches().await?, lanes: queue.lanes(None).await? })
    }

    fn only(&self, paused: Wanted) -> Self {
        let fits = |pause: bool| pause == (paused == Wanted::Paused);
        let batches = self.batches.iter().filter(|batch| fits(batch.paused.is_some())).cloned().collect();
        let lanes = self.lanes.iter().filter(|lane| fits(lane.paused.is_some())).cloned().collect();
        Self { batches, lanes }
    }

    fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.lanes.is_empty()
    }

    fn batch_ids(&self) -> Vec<BatchId> {
        self.batches.iter().map(|batch| batch.id).collect()
    }

    fn lane_ids(&self) -> Vec<LaneId> {
        self.lanes.iter().map(|lane| lane.id).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Paused,
    Going,
}

/// Pauses those of `places` that go.
pub(super) async fn pause(
    places: &Places,
    consent: ConsentArgs,
    queue: &Queue,
    actor: &Actor,
    mut screen: Screen<'_>,
    asking: Asking<'_>,
) -> anyhow::Result<Exit> {
    let (going, already) = (places.only(Wanted::Going), places.only(Wanted::Paused));
    let text = pauses_text(&going.batches, &going.lanes, &already.batches, &already.lanes, screen.look);
    screen.say(&text)?;
    if going.is_empty() {
        return Ok(Exit::Done);
    }
    let question = pause_question(&going.batches, &going.lanes);
    if consent.ask(&question, asking, screen.notes)? == Consent::Refused {
        return Ok(Consent::CALLED_OFF);
    }
    let paused = queue.pause(&going.batch_ids(), &going.lane_ids(), actor.now, &actor.name).await?;
    screen.say(if paused == 0 { "Somebody else has paused it meanwhile.\n" } else { "Paused.\n" })?;
    Ok(Exit::Done)
}

/// Lets those of `places` go on that are paused, and the jobs of `plan`.
pub(super) async fn resume(
    places: &Places,
    plan: Option<&Plan>,
    consent: ConsentArgs,
    queue: &Queue,
    actor: &Actor,
    mut screen: Screen<'_>,
    asking: Asking<'_>,
) -> anyhow::Result<Exit> {
    let paused = places.only(Wanted::Paused);
    // With a plan everything is meant; without one, what is paused one by one stays so.
    let (going, staying) = if plan.is_some() {
        (Places::default(), 0)
    } else {
        let batch = places.batches.first().map(|batch| batch.id);
        (places.only(Wanted::Going), queue.paused_jobs(batch, &places.lane_ids()).await?)
    };
    let nothing_is_paused = paused.is_empty() && plan.is_some_and(Plan::is_empty);
    let plan = plan.filter(|plan| !plan.is_empty());
    let text = resumes_text(&paused.batches, &paused.lanes, &going.batches, &going.lanes, staying, screen.look);
    if nothing_is_paused {
        screen.say("Nothing is paused.\n")?;
    }
    screen.say(&text)?;
    if let Some(plan) = plan {
        screen.say(&plan_text(plan, screen.look))?;
    }
    if paused.is_empty() && plan.is_none() {
        return Ok(Exit::Done);
    }
    let question = resume_question(&paused.batches, &paused.lanes, plan);
    if consent.ask(&question, asking, screen.notes)? == Consent::Refused {
        return Ok(Consent::CALLED_OFF);
    }
    if !paused.is_empty() {
        let resumed = queue.resume(&paused.batch_ids(), &paused.lane_ids(), actor.now, &actor.name).await?;
        screen.say(if resumed == 0 { "Somebody else has resumed it meanwhile.\n" } else { "Resumed.\n" })?;
    }
    if let Some(plan) = plan {
        let acted = queue.act(plan, actor.now, &actor.name).await?;
        screen.say(&acted_text(plan, acted, screen.look))?;
    }
    Ok(Exit::Done)
}
