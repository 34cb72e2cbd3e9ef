//! The listing that stands before every sending: which of the queued snapshots exist, which have to wait, and which
//! have been exported already.

use super::reading::{Unread, Wanted};
use super::tracker::{Rounds, Tracker};
use crate::domain::{
    BatchId, ErrorCode, Event, Failure, JobId, JobState, NearNames, SnapshotName, Standing, is_snapshot_of,
    looks_automatic,
};
use crate::lightsail::{ErrorClass, SnapshotKind};
use crate::points::{Between, Point, reached};
use crate::queue::{Listed, QueueError, Transition};
use std::collections::HashSet;
use std::time::Duration;

/// Jobs that are taken up at once: one transaction's worth.
const CHUNK: u32 = 500;

/// Names that are held to find what one that is missing was meant to be. A lane that has more is searched by how the name
/// begins, so that memory does not grow with it.
const COMPARED: usize = 10_000;

/// Snapshots that one listing asks for by their names, two reads each. Where more are missing, the whole lane is read
/// once more instead.
const ASKED: u32 = 50;

/// Names that are read at once, and looked at for one that is missing in such a lane.
const NAMES: u32 = 1000;

/// What is done about the snapshots that a listing does not show.
#[derive(Debug, Default)]
struct Search {
    asked: u32,
    read_again: bool,
    /// The names to compare with, once one is missing.
    names: Option<Vec<String>>,
}

/// A snapshot that a listing does not show, sought once more.
enum Sought {
    /// It is there after all, in this state.
    There(String),
    Gone,
    /// It could not be asked for.
    Unclear,
}

impl Tracker {
    /// Lists the lane, acts on what the listing shows, and clears what was queued before it began.
    pub(super) async fn list(&self, rounds: &mut Rounds) -> Result<(), Unread> {
        // What is queued from here on waits for the next listing.
        let batches = self.queue.uncleared(self.lane.id, self.run).await?;
        let held: HashSet<JobId> = self.held().await?;
        let waits = self.takeover_wait();
        self.read_snapshots().await?;
        self.read_records_measured(rounds, Wanted::All).await?;
        self.read_operations().await?;
        reached(Point::Between(Between::ListingRead));
        // One that was held only since is of the next listing: this one began before it was queued.
        let meant = |job: &Listed| !job.held || held.contains(&job.job);
        let mut search = Search::default();
        for batch in &batches {
            self.act(Some(*batch), &mut search, meant).await?;
        }
        self.act(None, &mut search, meant).await?;
        reached(Point::Between(Between::ListingActedUpon));
        if waits.is_zero() {
            self.queue.clear(self.lane.id, self.run, batches).await?;
        } else {
            tracing::warn!(
                lane = %self.lane.lane, wait = %humantime::format_duration(Duration::from_secs(waits.as_secs() + 1)),
                "the database was taken over from a copy; nothing is sent before Lightsail's records must show what was \
                 exported since"
            );
        }
        Ok(())
    }

    /// How long no listing clears anything: a database that is a copy does not know of every export, and until the
    /// reconciliation window after the takeover is over, neither need Lightsail's lists.
    pub(super) fn takeover_wait(&self) -> Duration {
        let age = self.queue.takeover_age(self.clock.elapsed());
        age.map_or(Duration::ZERO, |age| self.settle_window().saturating_sub(age))
    }

    async fn held(&self) -> Result<HashSet<JobId>, QueueError> {
        let mut held = HashSet::new();
        let mut after = JobId(0);
        loop {
            let page = self.queue.listed(self.lane.id, self.run, None, after, CHUNK).await?;
            let Some(last) = page.last() else { return Ok(held) };
            after = last.job;
            held.extend(page.iter().filter(|job| job.held).map(|job| job.job));
        }
    }

    async fn act(
        &self,
        batch: Option<BatchId>,
        search: &mut Search,
        concerns: impl Fn(&Listed) -> bool,
    ) -> Result<(), Unread> {
        let mut after = JobId(0);
        loop {
            let page = self.queue.listed(self.lane.id, self.run, batch, after, CHUNK).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.job;
            let page: Vec<Listed> = page.into_iter().filter(&concerns).collect();
            self.act_on(page, search).await?;
        }
    }

    async fn act_on(&self, page: Vec<Listed>, search: &mut Search) -> Result<(), Unread> {
        // An export that is done stands for its job even where the snapshot is gone or broken by now: but only where
        // the snapshot's ARN is known to be the same.
        let in_ledger: Vec<JobId> = page.iter().filter(|job| job.in_ledger).map(|job| job.job).collect();
        let adopted = self.settle(&in_ledger).await?;
        let (mut hold, mut release, mut failing) = (Vec::new(), Vec::new(), Vec::new());
        let open: Vec<&Listed> = page.iter().filter(|job| !adopted.jobs.contains(&job.job)).collect();
        let missed = open.iter().filter(|job| job.snapshot_state.is_none()).count();
        let beyond = u32::try_from(missed).unwrap_or(u32::MAX) > ASKED.saturating_sub(search.asked);
        if beyond {
            self.read_again(search).await?;
        }
        for job in open {
            let state = match &job.snapshot_state {
                Some(state) => Sought::There(state.clone()),
                None => self.seek(&job.snapshot, search).await?,
            };
            let state = match state {
                Sought::There(state) => Some(state),
                Sought::Gone => None,
                Sought::Unclear => {
                    hold.push(job.job);
                    continue;
                }
            };
            match state.as_deref() {
                None => {
                    let failure = self.missing(job, search).await?;
                    failing.push(self.fail(job, failure)?);
                }
                Some("error") => failing.push(self.fail(job, broken())?),
                Some("pending") => hold.push(job.job),
                Some(_) if job.held => release.push(job.job),
                Some(_) => {}
            }
        }
        self.apply(failing).await?;
        self.queue.hold_for_listing(self.lane.id, &hold, &release).await?;
        Ok(())
    }

    /// Why a snapshot that is gone cannot be exported, with the name that may have been meant.
    async fn missing(&self, job: &Listed, search: &mut Search) -> Result<Failure, QueueError> {
        let names = match &search.names {
            Some(names) => names,
            None => search.names.insert(self.names().await?),
        };
        let wanted = job.snapshot.as_str();
        // The name of an instance leads to its snapshots, of which the last in order is the newest by the console's names.
        let begins = format!("{wanted}-");
        let of_instance = self.queue.snapshot_names(self.lane.id, &begins, NAMES).await?;
        if let Some(newest) = of_instance.iter().rfind(|name| is_snapshot_of(name, wanted)) {
            return Ok(missing(wanted, Some(newest), false));
        }
        if names.len() < COMPARED {
            return Ok(missing(wanted, near(wanted, names), names.is_empty()));
        }
        let begins: String = wanted.chars().take(wanted.chars().count() / 2).collect();
        let names = self.queue.snapshot_names(self.lane.id, &begins, NAMES).await?;
        Ok(missing(wanted, near(wanted, &names), false))
    }

    /// The names of the lane's snapshots, up to [`COMPARED`] of them.
    async fn names(&self) -> Result<Vec<String>, QueueError> {
        let mut names: Vec<String> = Vec::new();
        while names.len() < COMPARED {
            // No name is empty: the least that comes after a name is that name and the least character.
            let from = names.last().map_or_else(String::new, |last| format!("{last}\u{1}"));
            let page = self.queue.snapshot_names(self.lane.id, &from, NAMES).await?;
            let ends = page.len() < NAMES as usize;
            names.extend(page);
            if ends {
                break;
            }
        }
        Ok(names)
    }

    /// Reads the lists once more, once in a listing.
    async fn read_again(&self, search: &mut Search) -> Result<(), Unread> {
        if !search.read_again {
            search.read_again = true;
            self.read_snapshots_again().await?;
        }
        Ok(())
    }

    /// Lists move while one pages through them: what one reading missed is asked for by its name, and where Lightsail refuses
    /// that, sought by another reading. Presence wins.
    async fn seek(&self, name: &SnapshotName, search: &mut Search) -> Result<Sought, Unread> {
        if search.read_again
            && let Some(state) = self.queue.snapshot_state(self.lane.id, name).await?
        {
            return Ok(Sought::There(state));
        }
        if search.asked >= ASKED {
            return Ok(Sought::Gone);
        }
        search.asked += 1;
        for (kind, call) in [(SnapshotKind::Instance, "GetInstanceSnapshot"), (SnapshotKind::Disk, "GetDiskSnapshot")] {
            match self.api.snapshot(name, kind).await {
                Ok(Some(snapshot)) => {
                    return Ok(self.list_one(snapshot).await?.map_or(Sought::Unclear, Sought::There));
                }
                Ok(None) => {}
                Err(error) if matches!(error.class, ErrorClass::Permanent | ErrorClass::Unfamiliar) => {
                    self.read_again(search).await?;
                    let state = self.queue.snapshot_state(self.lane.id, name).await?;
                    return Ok(state.map_or(Sought::Gone, Sought::There));
                }
                Err(error) if error.trouble().is_some() => return Err(self.unread(call, &error).await),
                Err(error) => return self.bear(call, &error).await.map(|_| Sought::Unclear),
            }
        }
        Ok(Sought::Gone)
    }

    fn fail(&self, job: &Listed, failure: Failure) -> Result<Transition, QueueError> {
        let standing = Standing {
            state: JobState::Queued,
            attempt: job.attempt,
            used: job.used,
            max_attempts: self.settings.retry.max_attempts,
        };
        Transition::new(job.job, &standing, Event::Impossible(failure), self.clock.now(), super::tracker::ACTOR)
    }
}

fn broken() -> Failure {
    Failure::new(ErrorCode::SNAPSHOT_IN_ERROR, "the snapshot itself is in state error; make a new one and enqueue that")
}

fn near<'a>(wanted: &str, names: &'a [String]) -> Option<&'a str> {
    NearNames::new(names.iter().map(String::as_str)).near(wanted).into_iter().next()
}

fn missing(wanted: &str, near: Option<&str>, empty: bool) -> Failure {
    let mut message = match near {
        _ if empty => "this account has no snapshot in this Region; is it the right one?".to_owned(),
        Some(name) => format!("no snapshot of that name in this account and Region; did you mean {name:?}?"),
        None => "no snapshot of that name in this account and Region".to_owned(),
    };
    if near.is_none() || looks_automatic(wanted) {
        message.push_str(" (automatic snapshots must be copied first)");
    }
    Failure::new(ErrorCode::SNAPSHOT_NOT_FOUND, message)
}
