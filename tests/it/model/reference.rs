//! The model: what the design says of jobs, batches and lanes, over plain vectors. It shares no line with the store, the
//! table of changes included.

use super::script::{Deed, Meant, Outdated, RowSaid, What, deed};
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use snapferry::domain::{Act, ErrorCode, Hold, JobState};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const LANES: usize = 2;
pub(super) const NAMES: usize = 5;
pub(super) const MAX_ATTEMPTS: u32 = 3;
/// No wait to try again is longer.
pub(super) const LONGEST_WAIT: i64 = 300_000;
const BEGINNING: i64 = 1_800_000_000_000;

pub(super) fn copies(name: usize) -> u32 {
    1 + u32::try_from(name % 3).expect("small")
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) lane: usize,
    pub(super) name: usize,
    pub(super) batch: usize,
    pub(super) line: u64,
    pub(super) priority: i64,
    pub(super) again: bool,
    pub(super) state: JobState,
    pub(super) hold: Option<Hold>,
    pub(super) paused_at: Option<i64>,
    pub(super) due_at: Option<i64>,
    pub(super) attempt: u32,
    pub(super) used: u32,
    pub(super) copies: u32,
    pub(super) adopted: bool,
    pub(super) destination: Option<String>,
    pub(super) code: Option<&'static str>,
    pub(super) queued_at: i64,
    pub(super) submitted_at: Option<i64>,
    pub(super) finished_at: Option<i64>,
    /// Time, state before and after, and what happened.
    pub(super) history: Vec<(i64, JobState, JobState, &'static str)>,
    /// How each attempt came out.
    pub(super) attempts: Vec<Option<&'static str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    New,
    Live,
    Repeated,
}

#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) rows: Vec<(usize, Disposition)>,
    pub(super) paused_at: Option<i64>,
    /// The lanes in which an inventory of this run has covered it.
    pub(super) cleared: BTreeSet<usize>,
}

/// An open breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trip {
    pub(super) lane: usize,
    pub(super) batch: Option<usize>,
    pub(super) probe: Option<usize>,
    /// How many it has let go in vain, and whether one of this run.
    pub(super) in_vain: u32,
    pub(super) in_vain_now: bool,
}

/// What has ended of what was sent, by place: the code where it failed.
pub(super) type Outcomes = BTreeMap<(usize, Option<usize>), Vec<Option<&'static str>>>;

/// What a change comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    Stale,
    Illegal,
}

/// A change that the store is asked to make, whom it expects there, and what it will say.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) job: usize,
    pub(super) what: What,
    pub(super) state: JobState,
    pub(super) attempt: u32,
    pub(super) used: u32,
    pub(super) destination: String,
    pub(super) at: i64,
    pub(super) copies: u32,
    pub(super) says: Verdict,
}

/// What a deed comes to: what the store is asked, and what it has to answer.
#[derive(Debug, Clone)]
pub(super) enum Asked {
    Nothing,
    Enqueue {
        rows: Vec<RowSaid>,
        new: usize,
        live: usize,
        repeated: usize,
    },
    EnqueueKilled(Vec<RowSaid>),
    TakeAway,
    List {
        lane: usize,
        shown: Vec<(usize, bool)>,
        hold: Vec<usize>,
        release: Vec<usize>,
    },
    Hear {
        lane: usize,
        name: usize,
        number: usize,
    },
    SettleNews(usize),
    /// The jobs that are to be claimed, in their order, and the intents.
    Claim {
        lane: usize,
        most: usize,
        claimed: Vec<usize>,
        intents: Vec<Change>,
    },
    Changes(Vec<Change>),
    Release {
        lane: usize,
        released: u64,
    },
    Forgive {
        job: usize,
        attempt: u32,
    },
    Person {
        act: Act,
        meant: Meant,
        takes: u64,
        leaves: u64,
    },
    PausePlace {
        batch: Option<usize>,
        lane: Option<usize>,
        paused: u64,
    },
    ResumePlace {
        batch: Option<usize>,
        lane: Option<usize>,
        resumed: u64,
    },
    Trip {
        lane: usize,
        batch: Option<usize>,
        opens: bool,
    },
    /// The jobs that open breakers may let go, in order; the first one goes, past these.
    Probe {
        lane: usize,
        may: Vec<usize>,
        past: Vec<(usize, Option<usize>)>,
    },
    ProbeEnds {
        lane: usize,
        batch: Option<usize>,
        well: bool,
    },
    Decide {
        job: usize,
        again: bool,
    },
    Restart {
        gently: bool,
        recovered: usize,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) jobs: Vec<Job>,
    pub(super) batches: Vec<Batch>,
    pub(super) lanes_paused: [Option<i64>; LANES],
    pub(super) openings: Vec<Trip>,
    pub(super) outcomes: Outcomes,
    /// Lanes that there is a row of.
    pub(super) met: BTreeSet<usize>,
    /// What the last inventory of each lane showed, and whether it was pending.
    snapshots: [BTreeMap<usize, bool>; LANES],
    news: [BTreeSet<usize>; LANES],
    /// Names of a load that died and was not taken away.
    dead: BTreeSet<(usize, usize)>,
    heard: usize,
    made: usize,
    pub(super) asked: Asked,
}

/// What a change does to a job.
struct Effect {
    to: JobState,
    used: u32,
    due: Option<i64>,
    hold: Option<Hold>,
    code: Option<&'static str>,
    destination: bool,
    adopted: bool,
    afresh: bool,
    outcome: Option<&'static str>,
}

impl Job {
    fn effect(&self, what: What, now: i64) -> Option<Effect> {
        use JobState as S;
        let to = |to: S| Effect {
            to,
            used: self.used,
            due: None,
            hold: None,
            code: None,
            destination: false,
            adopted: false,
            afresh: false,
            outcome: None,
        };
        let left = self.used < MAX_ATTEMPTS;
        let again = |delay: Option<i64>, code| match delay {
            Some(delay) if left => Effect { due: Some(now + delay), code: Some(code), ..to(S::Queued) },
            _ => Effect { code: Some(code), ..to(S::Failed) },
        };
        let free = self.used.saturating_sub(1);
        let refused_for_now = |delay| Effect {
            used: free,
            due: Some(now + delay),
            code: Some("Busy"),
            outcome: Some("refused"),
            ..to(S::Queued)
        };
        Some(match self.state {
            S::Queued => match what {
                What::NotExportable => Effect { code: Some("NotFound"), ..to(S::Failed) },
                What::AlreadyExported => Effect { destination: true, adopted: true, afresh: true, ..to(S::Succeeded) },
                What::UnderWayAlready => Effect { adopted: true, afresh: true, ..to(S::Exporting) },
                What::Cancel => to(S::Cancelled),
                What::Intend => Effect { used: self.used + 1, afresh: true, ..to(S::Submitting) },
                What::Pause | What::Resume => to(S::Queued),
                What::Contradiction => Effect { code: Some("Odd"), ..to(S::NeedsReview) },
                _ => return None,
            },
            S::Submitting => match what {
                What::Accepted => Effect { outcome: Some("accepted"), ..to(S::Exporting) },
                What::RefusedByLane => {
                    Effect { used: free, code: Some("Throttled"), outcome: Some("refused"), ..to(S::Queued) }
                }
                What::Denied(delay) => Effect {
                    used: free,
                    due: delay.map(|delay| now + delay),
                    code: Some("AccessDenied"),
                    outcome: Some("refused"),
                    ..to(if delay.is_some() { S::Queued } else { S::Failed })
                },
                What::RefusedForNow(delay) => refused_for_now(delay),
                What::RefusedForGood => Effect { outcome: Some("refused"), ..again(None, "Invalid") },
                What::OutcomeUnknown => Effect { code: Some("Lost"), outcome: Some("ambiguous"), ..to(S::Unknown) },
                What::OutcomeUnknownInOutage => {
                    Effect { used: free, code: Some("Lost"), outcome: Some("ambiguous"), ..to(S::Unknown) }
                }
                _ => return None,
            },
            S::Unknown => match what {
                What::RefusedForNow(delay) => refused_for_now(delay),
                What::FoundUnderWay => Effect { outcome: Some("found"), ..to(S::Exporting) },
                What::FoundDone => Effect { destination: true, outcome: Some("found"), ..to(S::Succeeded) },
                What::FoundFailed(delay) => Effect { outcome: Some("found"), ..again(delay, "Broken") },
                What::ProvenAbsent(delay) => Effect { outcome: Some("absent"), ..again(Some(delay), "Absent") },
                What::Contradiction => Effect { code: Some("Odd"), ..to(S::NeedsReview) },
                _ => return None,
            },
            S::Exporting => match what {
                What::RefusedForNow(delay) => refused_for_now(delay),
                What::Finished => Effect { destination: true, ..to(S::Succeeded) },
                What::OperationFailed(delay) => again(delay, "Broken"),
                What::Contradiction => Effect { code: Some("Odd"), ..to(S::NeedsReview) },
                What::GaveUp => Effect { code: Some("NoEnd"), ..to(S::NeedsReview) },
                _ => return None,
            },
            S::NeedsReview => match what {
                What::SendAgain => Effect { used: 0, hold: Some(Hold::Inventory), ..to(S::Queued) },
                What::AdoptRecord => Effect { destination: true, afresh: true, ..to(S::Succeeded) },
                What::MarkedFailed => Effect { code: Some("CalledFailed"), ..to(S::Failed) },
                _ => return None,
            },
            S::Failed | S::Cancelled => match what {
                What::Retry => Effect { used: 0, hold: Some(Hold::Inventory), afresh: true, ..to(S::Queued) },
                _ => return None,
            },
            S::Succeeded => return None,
        })
    }
}

fn name_of(what: What) -> &'static str {
    match what {
        What::NotExportable => "not_exportable",
        What::AlreadyExported => "already_exported",
        What::UnderWayAlready => "under_way_already",
        What::Cancel => "cancel",
        What::Intend => "intend",
        What::Accepted => "accepted",
        What::RefusedByLane => "refused_by_lane",
        What::Denied(_) => "denied",
        What::RefusedForNow(_) => "refused_for_now",
        What::RefusedForGood => "refused_for_good",
        What::OutcomeUnknown => "outcome_unknown",
        What::OutcomeUnknownInOutage => "outcome_unknown_in_outage",
        What::FoundUnderWay => "found_under_way",
        What::FoundDone => "found_done",
        What::FoundFailed(_) => "found_failed",
        What::ProvenAbsent(_) => "proven_absent",
        What::Contradiction => "contradiction",
        What::Finished => "finished",
        What::OperationFailed(_) => "operation_failed",
        What::GaveUp => "gave_up",
        What::SendAgain => "send_again",
        What::AdoptRecord => "adopt_record",
        What::MarkedFailed => "marked_failed",
        What::Retry => "retry",
        What::Pause => "pause",
        What::Resume => "resume",
    }
}

impl Model {
    fn is_paused(&self, job: &Job) -> bool {
        job.paused_at.is_some() || self.batches[job.batch].paused_at.is_some() || self.lanes_paused[job.lane].is_some()
    }

    /// Whether a queued job waits for a person.
    pub(super) fn waits(&self, job: &Job) -> bool {
        self.is_paused(job) || self.over(job).any(|opening| opening.in_vain_now)
    }

    /// The open breakers that hold a job back.
    fn over(&self, job: &Job) -> impl Iterator<Item = &Trip> {
        let (lane, batch) = (job.lane, job.batch);
        self.openings.iter().filter(move |opening| opening.lane == lane && opening.batch.is_none_or(|own| own == batch))
    }

    /// The jobs that open breakers may let go: those that have been let go, then the first of each batch.
    fn may_probe(&self, lane: usize) -> Vec<usize> {
        let (mut chosen, mut others) = (Vec::new(), Vec::new());
        let mut met = BTreeSet::new();
        for number in self.ready(lane) {
            let job = &self.jobs[number];
            let first = met.insert(job.batch) && self.over(job).next().is_some();
            if self.openings.iter().any(|opening| opening.lane == lane && opening.probe == Some(number)) {
                chosen.push(number);
            } else if first {
                others.push(number);
            }
        }
        chosen.extend(others);
        chosen.truncate(8);
        chosen
    }

    fn close(&mut self, closes: impl Fn(&Trip) -> bool) -> u64 {
        let (over, open): (Vec<Trip>, Vec<Trip>) = self.openings.drain(..).partition(closes);
        self.openings = open;
        for opening in &over {
            self.outcomes.remove(&(opening.lane, opening.batch));
        }
        over.len() as u64
    }

    fn live(&self, lane: usize, name: usize) -> Option<usize> {
        self.jobs.iter().position(|job| job.lane == lane && job.name == name && job.state.is_live())
    }

    /// What may be sent now, in order.
    pub(super) fn claimable(&self, lane: usize) -> Vec<usize> {
        let mut all = self.ready(lane);
        all.retain(|number| self.over(&self.jobs[*number]).next().is_none());
        // Batches of one priority take turns.
        let mut turns = BTreeMap::<_, usize>::new();
        all.sort_by_cached_key(|number| {
            let job = &self.jobs[*number];
            let turn = turns.entry((job.priority, job.batch)).or_default();
            *turn += 1;
            (-job.priority, *turn, job.batch)
        });
        all
    }

    /// What may be sent now but for breakers.
    fn ready(&self, lane: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.jobs.len())
            .filter(|number| {
                let job = &self.jobs[*number];
                let batch = &self.batches[job.batch];
                job.lane == lane
                    && job.state == JobState::Queued
                    && job.hold.is_none()
                    && job.due_at.is_none()
                    && job.paused_at.is_none()
                    && batch.paused_at.is_none()
                    && batch.cleared.contains(&lane)
                    && self.snapshots[lane].get(&job.name) == Some(&false)
                    && !self.news[lane].contains(&job.name)
            })
            .collect();
        all.sort_by_key(|number| (-self.jobs[*number].priority, *number));
        all
    }

    fn pick(&self, of: usize, fits: impl Fn(&Job) -> bool) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.jobs.len()).filter(|number| fits(&self.jobs[*number])).collect();
        (!fitting.is_empty()).then(|| fitting[of % fitting.len()])
    }

    /// Makes a change, as far as it is one.
    fn change(&mut self, number: usize, what: What) -> Change {
        let now = self.now;
        let job = &self.jobs[number];
        self.made += 1;
        let mut change = Change {
            job: number,
            what,
            state: job.state,
            attempt: job.attempt,
            used: job.used,
            destination: format!("ami-{}", self.made),
            at: now,
            copies: copies(job.name),
            says: Verdict::Done,
        };
        let Some(effect) = job.effect(what, now) else {
            change.says = Verdict::Illegal;
            return change;
        };
        // Nothing is sent that was held, put off or paused meanwhile, or of which there is news.
        let barred = what == What::Intend
            && (job.hold.is_some()
                || job.due_at.is_some()
                || self.is_paused(job)
                || self.over(job).any(|opening| opening.probe != Some(number))
                || self.news[job.lane].contains(&job.name));
        let rival = what == What::Retry
            && (self.live(job.lane, job.name).is_some() || self.dead.contains(&(job.lane, job.name)));
        if barred || rival {
            change.says = Verdict::Stale;
            return change;
        }
        let job = &mut self.jobs[number];
        let from = job.state;
        job.history.push((now, from, effect.to, name_of(what)));
        match what {
            What::Pause => {
                job.paused_at = Some(now);
                return change;
            }
            What::Resume => {
                job.paused_at = None;
                job.hold = job.hold.or(Some(Hold::Inventory));
                return change;
            }
            _ => {}
        }
        if what == What::Intend {
            job.attempt += 1;
            job.attempts.push(None);
            job.submitted_at = Some(now);
            job.copies = change.copies;
        }
        if what == What::Retry {
            self.outcomes.retain(|(lane, batch), _| *lane != job.lane || batch.is_some_and(|one| one != job.batch));
        }
        // A job that stands for an export of another client may have none.
        if let (Some(outcome), Some(last)) = (effect.outcome, job.attempts.last_mut()) {
            *last = Some(outcome);
        }
        job.state = effect.to;
        job.used = effect.used;
        job.hold = effect.hold;
        job.due_at = effect.due;
        job.paused_at = None;
        job.code = effect.code;
        job.adopted = effect.adopted || (job.adopted && !effect.afresh);
        if effect.afresh {
            job.destination = None;
        }
        if effect.destination {
            job.destination = Some(change.destination.clone());
        }
        job.finished_at = (!effect.to.is_live()).then_some(now);
        let places = [(job.lane, Some(job.batch)), (job.lane, None)];
        let on_its_way = !matches!(from, JobState::NeedsReview | JobState::Failed | JobState::Cancelled);
        let code = match effect.to {
            JobState::Succeeded => None,
            JobState::Failed => job.code,
            _ => return change,
        };
        // A denial is the lane's trouble or the job's own, and no breaker's.
        if on_its_way && job.attempt > 0 && !job.adopted && !matches!(what, What::Denied(_)) {
            for place in places {
                self.outcomes.entry(place).or_default().push(code);
            }
        }
        change
    }

    fn enqueue(&mut self, rows: &[RowSaid]) -> Asked {
        self.dead.clear();
        let batch = self.batches.len();
        let mut found = Vec::new();
        for (row, line) in rows.iter().zip(1..) {
            self.met.insert(row.lane);
            let live = self.live(row.lane, row.name);
            let disposition = match live {
                None => Disposition::New,
                Some(job) if self.jobs[job].batch == batch => Disposition::Repeated,
                Some(_) => Disposition::Live,
            };
            found.push((live.unwrap_or(self.jobs.len()), disposition));
            if disposition == Disposition::New {
                self.jobs.push(Job {
                    lane: row.lane,
                    name: row.name,
                    batch,
                    line,
                    priority: row.priority,
                    again: row.again,
                    state: JobState::Queued,
                    hold: None,
                    paused_at: None,
                    due_at: row.wait.map(|wait| self.now + wait),
                    attempt: 0,
                    used: 0,
                    copies: 1,
                    adopted: false,
                    destination: None,
                    code: None,
                    queued_at: self.now,
                    submitted_at: None,
                    finished_at: None,
                    history: Vec::new(),
                    attempts: Vec::new(),
                });
            }
        }
        let count = |wanted: Disposition| found.iter().filter(|(_, one)| *one == wanted).count();
        let asked = Asked::Enqueue {
            rows: rows.to_vec(),
            new: count(Disposition::New),
            live: count(Disposition::Live),
            repeated: count(Disposition::Repeated),
        };
        self.batches.push(Batch { rows: found, paused_at: None, cleared: BTreeSet::new() });
        asked
    }

    fn list(&mut self, lane: usize, shown: u8, pending: u8) -> Asked {
        if !self.met.contains(&lane) {
            return Asked::Nothing;
        }
        let has = |mask: u8, name: usize| mask >> name & 1 == 1;
        let shown: Vec<(usize, bool)> =
            (0..NAMES).filter(|name| has(shown, *name)).map(|name| (name, has(pending, name))).collect();
        self.snapshots[lane] = shown.iter().copied().collect();
        for batch in 0..self.batches.len() {
            let waits = |job: &Job| job.batch == batch && job.lane == lane && job.state == JobState::Queued;
            if self.jobs.iter().any(waits) {
                self.batches[batch].cleared.insert(lane);
            }
        }
        let queued = |job: &Job| job.lane == lane && job.state == JobState::Queued;
        let (mut hold, mut release) = (Vec::new(), Vec::new());
        for (number, job) in self.jobs.iter_mut().enumerate().filter(|(_, job)| queued(job)) {
            match shown.iter().find(|(name, _)| *name == job.name) {
                Some((_, true)) => {
                    hold.push(number);
                    job.hold = job.hold.or(Some(Hold::Inventory));
                }
                Some((_, false)) => {
                    release.push(number);
                    job.hold = job.hold.filter(|hold| *hold != Hold::Inventory);
                }
                None => {}
            }
        }
        Asked::List { lane, shown, hold, release }
    }

    fn means(&self, meant: Meant) -> Vec<usize> {
        let fits = |number: usize| {
            let job = &self.jobs[number];
            match meant {
                Meant::All => true,
                Meant::Batch(of) => {
                    !self.batches.is_empty()
                        && self.batches[of % self.batches.len()].rows.iter().any(|(one, _)| *one == number)
                }
                Meant::Lane(lane) => job.lane == lane,
                Meant::In(state) => job.state == state,
                Meant::Named(name) => job.name == name,
                Meant::One(of) => of % self.jobs.len() == number,
            }
        };
        (0..self.jobs.len()).filter(|number| fits(*number)).collect()
    }

    fn person(&mut self, act: Act, meant: Meant) -> Asked {
        if self.jobs.is_empty() {
            return Asked::Nothing;
        }
        let all = self.means(meant);
        let what = match act {
            Act::Retry => What::Retry,
            Act::Cancel => What::Cancel,
            Act::Pause => What::Pause,
            Act::Resume => What::Resume,
        };
        if act == Act::Retry {
            self.dead.clear();
        }
        let fits = |model: &Self, number: usize| {
            let job = &model.jobs[number];
            match act {
                Act::Retry => {
                    matches!(job.state, JobState::Failed | JobState::Cancelled)
                        && model.live(job.lane, job.name).is_none()
                        // Of several that have ended the last one is tried again.
                        && !all.iter().any(|other| {
                            let later = &model.jobs[*other];
                            *other > number
                                && (later.lane, later.name) == (job.lane, job.name)
                                && matches!(later.state, JobState::Failed | JobState::Cancelled)
                        })
                }
                Act::Cancel => job.state == JobState::Queued,
                Act::Pause => job.state == JobState::Queued && job.paused_at.is_none(),
                Act::Resume => job.state == JobState::Queued && job.paused_at.is_some(),
            }
        };
        let takes: Vec<usize> = all.iter().copied().filter(|number| fits(self, *number)).collect();
        for number in &takes {
            self.change(*number, what);
        }
        Asked::Person { act, meant, takes: takes.len() as u64, leaves: (all.len() - takes.len()) as u64 }
    }

    fn restart(&mut self, gently: bool) -> Asked {
        let open: Vec<usize> =
            (0..self.jobs.len()).filter(|number| self.jobs[*number].state == JobState::Submitting).collect();
        for number in &open {
            self.change(*number, What::OutcomeUnknownInOutage);
            self.jobs[*number].code = Some(ErrorCode::INTERRUPTED);
        }
        for batch in &mut self.batches {
            batch.cleared.clear();
        }
        for opening in &mut self.openings {
            opening.in_vain_now = false;
        }
        Asked::Restart { gently, recovered: open.len() }
    }

    fn places(&self, batch: Option<usize>, lane: Option<usize>) -> (Option<usize>, Option<usize>) {
        let batch = batch.filter(|_| !self.batches.is_empty()).map(|of| of % self.batches.len());
        (batch, lane.filter(|lane| self.met.contains(lane)))
    }

    #[expect(clippy::too_many_lines, reason = "one deed after the other")]
    fn play(&mut self, deed: &Deed) -> Asked {
        match deed {
            Deed::Enqueue(rows) => self.enqueue(rows),
            Deed::EnqueueKilled(rows) => {
                let free = |row: &&RowSaid| self.live(row.lane, row.name).is_none();
                self.dead = rows.iter().filter(free).map(|row| (row.lane, row.name)).collect();
                Asked::EnqueueKilled(rows.clone())
            }
            Deed::TakeAway => {
                self.dead.clear();
                Asked::TakeAway
            }
            Deed::List { lane, shown, pending } => self.list(*lane, *shown, *pending),
            Deed::Hear { lane, name } if self.met.contains(lane) => {
                self.heard += 1;
                self.news[*lane].insert(*name);
                Asked::Hear { lane: *lane, name: *name, number: self.heard }
            }
            Deed::SettleNews(lane) if self.met.contains(lane) => {
                self.news[*lane].clear();
                Asked::SettleNews(*lane)
            }
            Deed::Claim { lane, most } if self.met.contains(lane) => {
                let mut claimed = self.claimable(*lane);
                claimed.truncate(*most);
                let intents = claimed.iter().map(|number| self.change(*number, What::Intend)).collect();
                Asked::Claim { lane: *lane, most: *most, claimed, intents }
            }
            Deed::Happens { to, what } => {
                let fitting = self.pick(*to, |job| job.effect(*what, self.now).is_some());
                Asked::Changes(fitting.map(|number| self.change(number, *what)).into_iter().collect())
            }
            Deed::Anything { to, what } => {
                let anyone = self.pick(*to, |_| true);
                Asked::Changes(anyone.map(|number| self.change(number, *what)).into_iter().collect())
            }
            Deed::TooLate { to, what, outdated } => {
                let fits = |job: &Job| job.effect(*what, self.now).is_some();
                let Some(number) = self.pick(*to, fits) else { return Asked::Nothing };
                self.too_late(number, *what, *outdated)
            }
            Deed::Together(those) => {
                let mut taken = BTreeSet::new();
                let mut changes = Vec::new();
                for (to, what) in those {
                    let now = self.now;
                    if let Some(number) = self.pick(*to, |job| job.effect(*what, now).is_some())
                        && taken.insert(number)
                    {
                        changes.push(self.change(number, *what));
                    }
                }
                Asked::Changes(changes)
            }
            Deed::Release(lane) if self.met.contains(lane) => {
                let (now, mut released) = (self.now, 0);
                for job in self.jobs.iter_mut().filter(|job| job.lane == *lane) {
                    let over = |due: i64| due <= now || (job.attempt > 0 && due > now + LONGEST_WAIT);
                    if job.due_at.is_some_and(over) {
                        job.due_at = None;
                        released += 1;
                    }
                }
                Asked::Release { lane: *lane, released }
            }
            Deed::Forgive(of) => {
                let Some(number) = self.pick(*of, |job| job.attempt > 0) else { return Asked::Nothing };
                let job = &mut self.jobs[number];
                if matches!(job.state, JobState::Unknown | JobState::Queued) {
                    job.used = job.used.saturating_sub(1);
                }
                Asked::Forgive { job: number, attempt: job.attempt }
            }
            Deed::Person { act, meant } => self.person(*act, *meant),
            Deed::PausePlace { batch, lane } => {
                let (batch, lane) = self.places(*batch, *lane);
                let mut paused = 0;
                let places = [
                    batch.map(|batch| &mut self.batches[batch].paused_at),
                    lane.map(|lane| &mut self.lanes_paused[lane]),
                ];
                for place in places.into_iter().flatten().filter(|place| place.is_none()) {
                    *place = Some(self.now);
                    paused += 1;
                }
                Asked::PausePlace { batch, lane, paused }
            }
            Deed::ResumePlace { batch, lane } => {
                let (batch, lane) = self.places(*batch, *lane);
                let places = [
                    batch.and_then(|batch| self.batches[batch].paused_at.take()),
                    lane.and_then(|lane| self.lanes_paused[lane].take()),
                ];
                let resumed = places.into_iter().flatten().count() as u64;
                let closed = self.close(|opening| match opening.batch {
                    Some(own) => batch == Some(own),
                    None => lane == Some(opening.lane),
                });
                Asked::ResumePlace { batch, lane, resumed: resumed + closed }
            }
            Deed::Trip { batch, lane } if self.met.contains(lane) => {
                let (lane, batch) = (*lane, self.places(*batch, None).0);
                let opens = !self.openings.iter().any(|opening| (opening.lane, opening.batch) == (lane, batch));
                if opens {
                    self.openings.push(Trip { lane, batch, probe: None, in_vain: 0, in_vain_now: false });
                }
                Asked::Trip { lane, batch, opens }
            }
            Deed::Probe(lane) if self.met.contains(lane) => {
                let may = self.may_probe(*lane);
                let mut past = Vec::new();
                if let Some(first) = may.first().copied() {
                    let (lane, batch) = (self.jobs[first].lane, self.jobs[first].batch);
                    for opening in &mut self.openings {
                        if opening.lane == lane && opening.batch.is_none_or(|own| own == batch) {
                            opening.probe = Some(first);
                            past.push((lane, opening.batch));
                        }
                    }
                }
                Asked::Probe { lane: *lane, may, past }
            }
            Deed::ProbeEnds { of, well } => {
                if self.openings.is_empty() {
                    return Asked::Nothing;
                }
                let number = of % self.openings.len();
                let opening = &mut self.openings[number];
                let (lane, batch) = (opening.lane, opening.batch);
                if *well {
                    self.close(|opening| (opening.lane, opening.batch) == (lane, batch));
                } else {
                    opening.probe = None;
                    opening.in_vain += 1;
                    opening.in_vain_now = true;
                }
                Asked::ProbeEnds { lane, batch, well: *well }
            }
            Deed::Decide { of, again } => {
                let Some(number) = self.pick(*of, |job| job.state == JobState::NeedsReview) else {
                    return Asked::Nothing;
                };
                self.change(number, if *again { What::SendAgain } else { What::MarkedFailed });
                if !again {
                    self.jobs[number].code = Some(ErrorCode::FAILED_BY_USER);
                }
                Asked::Decide { job: number, again: *again }
            }
            Deed::Clock(by) => {
                self.now += by;
                Asked::Nothing
            }
            Deed::Restart => self.restart(true),
            Deed::Crash => self.restart(false),
            Deed::Hear { .. }
            | Deed::Trip { .. }
            | Deed::Probe(_)
            | Deed::SettleNews(_)
            | Deed::Claim { .. }
            | Deed::Release(_) => Asked::Nothing,
        }
    }

    /// A change that expects what is not so any more: nothing comes of it.
    fn too_late(&mut self, number: usize, what: What, outdated: Outdated) -> Asked {
        let job = &self.jobs[number];
        let mut change = Change {
            job: number,
            what,
            state: job.state,
            attempt: job.attempt,
            used: job.used,
            destination: "ami-none".to_owned(),
            at: self.now,
            copies: 1,
            says: Verdict::Stale,
        };
        match outdated {
            Outdated::Attempt => change.attempt += 1,
            Outdated::Used => change.used += 1,
            Outdated::State => {
                let takes = |state: &JobState| {
                    *state != job.state && Job { state: *state, ..job.clone() }.effect(what, self.now).is_some()
                };
                match JobState::ALL.iter().copied().find(|state| takes(state)) {
                    Some(other) => change.state = other,
                    None => change.attempt += 1,
                }
            }
        }
        Asked::Changes(vec![change])
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Deed;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self {
            now: BEGINNING,
            jobs: Vec::new(),
            batches: Vec::new(),
            lanes_paused: [None; LANES],
            openings: Vec::new(),
            outcomes: BTreeMap::new(),
            met: BTreeSet::new(),
            snapshots: [BTreeMap::new(), BTreeMap::new()],
            news: [BTreeSet::new(), BTreeSet::new()],
            dead: BTreeSet::new(),
            heard: 0,
            made: 0,
            asked: Asked::Nothing,
        })
        .boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Deed> {
        deed()
    }

    fn apply(mut state: Self, deed: &Deed) -> Self {
        state.asked = state.play(deed);
        state
    }
}
