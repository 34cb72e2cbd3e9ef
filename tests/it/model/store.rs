//! The real store, asked what the model says, and held against it after each deed.

use super::reference::{Asked, Batch, Change, Disposition, Job, LANES, LONGEST_WAIT, MAX_ATTEMPTS, Model, Verdict};
use super::script::{Meant, RowSaid, What};
use futures_util::FutureExt as _;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use snapferry::domain::{
    AccountLabel, Act, BatchId, BatchName, Destination, EntryStatus, ErrorCode, Event, Existing, ExportRef, Failure,
    Hold, JobId, JobState, JobVersion, Lane, LaneId, OpenCause, OpeningId, OperationId, Outcomes, Region, RunId,
    SnapshotName, Timestamp,
};
use snapferry::queue::{
    AttemptAnswer, AttemptOutcome, BatchLoad, EntryKey, JobView, ListedSnapshot, LoadName, NewRow, Observation, Queue,
    QueueError, Resolution as Decision, Selector, Transition,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const REGIONS: [&str; LANES] = ["eu-west-1", "us-east-1"];

pub(super) struct Store {
    folder: TempDir,
    /// Ended with everything in it where the script has it crash.
    runtime: Rc<Runtime>,
    queue: Queue,
    run: RunId,
    /// What the model numbers from 0.
    jobs: Vec<JobId>,
    batches: Vec<BatchId>,
}

fn runtime() -> Rc<Runtime> {
    Rc::new(tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime"))
}

fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder")
}

fn lane(number: usize) -> Lane {
    Lane { account: AccountLabel::unnamed(), region: Region::parse(REGIONS[number]).expect("a Region") }
}

fn snapshot(name: usize) -> SnapshotName {
    SnapshotName::parse(&format!("snap-{name}")).expect("a name")
}

async fn begin(path: &Path, now: Timestamp) -> (Queue, RunId, usize) {
    let queue = Queue::open(path).await.expect("a database");
    let run = queue.begin_run(now, "test").await.expect("a run");
    let recovered = queue.recover(now).await.expect("recovered");
    (queue, run, recovered)
}

fn trace(destination: Option<&str>) -> ExportRef {
    let destination = destination.map(|id| Destination { service: "Aws::EC2::Image".to_owned(), id: id.to_owned() });
    ExportRef { operation: Some(OperationId::new("op")), destination, ..ExportRef::default() }
}

fn event(change: &Change) -> Event {
    let failed = |code: &str| Failure::new(code, "it went wrong");
    let later = |delay: i64| Timestamp(change.at + delay);
    let done = || trace(Some(&change.destination));
    match change.what {
        What::NotExportable => Event::NotExportable(failed("NotFound")),
        What::AlreadyExported => Event::AlreadyExported(done()),
        What::UnderWayAlready => Event::UnderWayAlready(trace(None)),
        What::Cancel => Event::Cancel,
        What::Intend => Event::Intend,
        What::Accepted => Event::Accepted(trace(None)),
        What::RefusedByLane => Event::RefusedByLane(failed("Throttled")),
        What::Denied(delay) => Event::Denied(failed("AccessDenied"), delay.map(later)),
        What::RefusedForNow(delay) => Event::RefusedForNow(failed("Busy"), later(delay)),
        What::RefusedForGood => Event::RefusedForGood(failed("Invalid")),
        What::OutcomeUnknown => Event::OutcomeUnknown(failed("Lost")),
        What::OutcomeUnknownInOutage => Event::OutcomeUnknownInOutage(failed("Lost")),
        What::FoundUnderWay => Event::FoundUnderWay(trace(None)),
        What::FoundDone => Event::FoundDone(done()),
        What::FoundFailed(delay) => Event::FoundFailed(trace(None), failed("Broken"), delay.map(later)),
        What::ProvenAbsent(delay) => Event::ProvenAbsent(failed("Absent"), later(delay)),
        What::Contradiction => Event::Contradiction(failed("Odd")),
        What::Finished => Event::Finished(done()),
        What::OperationFailed(delay) => Event::OperationFailed(failed("Broken"), delay.map(later)),
        What::GaveUp => Event::GaveUp(failed("NoEnd")),
        What::SendAgain => Event::SendAgain,
        What::AdoptRecord => Event::AdoptRecord(done(), None),
        What::MarkedFailed => Event::MarkedFailed(failed("CalledFailed")),
        What::Retry => Event::Retry,
        What::Pause => Event::Pause,
        What::Resume => Event::Resume,
    }
}

fn outcome(what: What) -> Option<AttemptOutcome> {
    match what {
        What::Accepted => Some(AttemptOutcome::Accepted),
        What::RefusedByLane | What::Denied(_) | What::RefusedForNow(_) | What::RefusedForGood => {
            Some(AttemptOutcome::Refused)
        }
        What::OutcomeUnknown | What::OutcomeUnknownInOutage => Some(AttemptOutcome::Ambiguous),
        What::FoundUnderWay | What::FoundDone | What::FoundFailed(_) => Some(AttemptOutcome::Found),
        What::ProvenAbsent(_) => Some(AttemptOutcome::Absent),
        _ => None,
    }
}

impl Store {
    fn transition(&self, change: &Change) -> Result<Transition, QueueError> {
        let Change { state, attempt, used, .. } = *change;
        let standing = JobVersion { state, attempt, used, max_attempts: MAX_ATTEMPTS };
        let made = Transition::new(self.jobs[change.job], &standing, event(change), Timestamp(change.at), "test")?;
        let made = match outcome(change.what) {
            Some(outcome) => {
                let answer = AttemptAnswer { outcome, http_status: None, request_id: None, failure: None };
                made.answered(answer, Vec::new())
            }
            None => made,
        };
        Ok(if change.what == What::Intend { made.intending(self.run, change.copies, None) } else { made })
    }

    /// Makes changes in one group, and sees that each is answered as the model says.
    async fn change(&self, changes: &[Change]) {
        let mut made = Vec::new();
        for change in changes {
            match self.transition(change) {
                Ok(transition) => made.push((change, transition)),
                Err(QueueError::Illegal(_)) => assert_eq!(change.says, Verdict::Illegal, "{change:?}"),
                Err(error) => panic!("{change:?}: {error}"),
            }
        }
        let (asked, made): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        for (change, verdict) in asked.into_iter().zip(self.queue.transition_all(made).await) {
            let verdict = match verdict {
                Ok(()) => Verdict::Done,
                Err(QueueError::Stale { .. } | QueueError::Rival) => Verdict::Stale,
                Err(error) => panic!("{change:?}: {error}"),
            };
            assert_eq!(verdict, change.says, "{change:?}");
        }
    }

    async fn lane_id(&self, number: usize) -> LaneId {
        let records = self.queue.lane_records().await.expect("lanes");
        records.into_iter().find(|record| record.lane == lane(number)).expect("a lane that was met").id
    }

    async fn load(&self, rows: &[RowSaid], now: i64) -> BatchLoad {
        let name = LoadName::Derived(BatchName::parse("batch").expect("a name"));
        let now = Timestamp(now);
        let mut load = self.queue.begin_load(name, "a test", &[], "a test", now).await.expect("a load");
        let rows: Vec<NewRow> = rows
            .iter()
            .zip(1..)
            .map(|(row, line)| NewRow {
                line,
                lane: lane(row.lane),
                snapshot: snapshot(row.name),
                priority: row.priority,
                not_before: row.wait.map(|wait| Timestamp(now.0 + wait)),
                existing: if row.again { Existing::ExportAgain } else { Existing::Adopt },
                carried: Vec::new(),
            })
            .collect();
        // Two transactions, so that a row may repeat one of an earlier chunk.
        let half = rows.len().div_ceil(2);
        load.add(rows[..half].to_vec()).await.expect("added");
        load.add(rows[half..].to_vec()).await.expect("added");
        load
    }

    async fn enqueue(&mut self, rows: &[RowSaid], counts: [usize; 3], model: &Model) {
        let summary = self.load(rows, model.now).await.seal(0, Timestamp(model.now)).await.expect("sealed");
        assert_eq!([summary.new, summary.live, summary.repeated], counts.map(|count| count as u64));
        self.batches.push(summary.id);
        let all = self.queue.jobs_page(&Selector::default(), None, 10_000).await.expect("jobs");
        for wanted in &model.jobs[self.jobs.len()..] {
            let (place, name) = (lane(wanted.lane), snapshot(wanted.name));
            let found = all.iter().rev().find(|job| job.lane == place && job.snapshot_name == name);
            self.jobs.push(found.expect("a job that was made").id);
        }
    }

    async fn list(&self, number: usize, shown: &[(usize, bool)], hold: &[usize], release: &[usize], now: i64) {
        let id = self.lane_id(number).await;
        let inventory = self.queue.next_inventory(id).await.expect("a number");
        let batches = self.queue.without_inventory(id, self.run).await.expect("batches");
        let snapshots: Vec<ListedSnapshot> = shown
            .iter()
            .map(|(name, pending)| ListedSnapshot {
                name: snapshot(*name),
                arn: None,
                kind: "instance",
                state: if *pending { "pending" } else { "available" }.to_owned(),
                weight: super::reference::copies(*name),
                size_gb: None,
                created_at: None,
            })
            .collect();
        self.queue.record_snapshots(id, inventory, &snapshots).await.expect("listed");
        self.queue.end_inventory(id, inventory, Timestamp(now)).await.expect("ended");
        let ids = |jobs: &[usize]| jobs.iter().map(|job| self.jobs[*job]).collect::<Vec<_>>();
        self.queue.hold_for_inventory(id, &ids(hold), &ids(release)).await.expect("held");
        self.queue.record_inventory(id, self.run, batches).await.expect("inventory-recorded");
    }

    async fn hear(&self, number: usize, name: usize, heard: usize, now: i64) {
        let sighting = Observation {
            key: EntryKey::Operation(OperationId::new(format!("heard-{heard}"))),
            snapshot: snapshot(name),
            snapshot_arn: None,
            status: EntryStatus::UnderWay,
            record_name: None,
            destination: None,
            failure: None,
            created_at: None,
        };
        self.queue.record_observations(self.lane_id(number).await, &[sighting], Timestamp(now)).await.expect("seen");
    }

    fn selector(&self, meant: Meant) -> Selector {
        let all = Selector::default();
        match meant {
            Meant::All => all,
            Meant::Batch(of) => Selector { batch: Some(self.batches[of % self.batches.len()]), ..all },
            Meant::Lane(number) => Selector { region: Some(lane(number).region), ..all },
            Meant::In(state) => Selector { states: vec![state], ..all },
            Meant::Named(name) => Selector { name_globs: vec![snapshot(name).to_string()], ..all },
            Meant::One(of) => Selector { jobs: vec![self.jobs[of % self.jobs.len()]], ..all },
        }
    }

    async fn do_as_asked(&mut self, model: &Model) {
        let now = Timestamp(model.now);
        match &model.asked {
            Asked::Nothing => {}
            Asked::Enqueue { rows, new, live, repeated } => self.enqueue(rows, [*new, *live, *repeated], model).await,
            Asked::EnqueueKilled(rows) => drop(self.load(rows, model.now).await),
            Asked::TakeAway => {
                self.queue.drop_killed_loads("a test").await.expect("taken away");
            }
            Asked::List { lane, shown, hold, release } => self.list(*lane, shown, hold, release, model.now).await,
            Asked::Hear { lane, name, number } => self.hear(*lane, *name, *number, model.now).await,
            Asked::SettleNews(lane) => {
                let lane = self.lane_id(*lane).await;
                let news = self.queue.unprocessed_changes(lane, 1000).await.expect("news");
                self.queue.mark_processed(lane, &news).await.expect("settled");
            }
            Asked::Claim { lane, most, claimed, intents } => {
                let most = u32::try_from(*most).expect("few");
                let may = self.queue.claimable(self.lane_id(*lane).await, self.run, most).await.expect("claimable");
                let wanted: Vec<JobId> = claimed.iter().map(|job| self.jobs[*job]).collect();
                assert_eq!(may.iter().map(|one| one.job).collect::<Vec<_>>(), wanted, "what may be sent, in order");
                self.change(intents).await;
            }
            Asked::Changes(changes) => self.change(changes).await,
            Asked::Release { lane, released } => {
                let latest = Timestamp(model.now + LONGEST_WAIT);
                let again = self.queue.release_due(self.lane_id(*lane).await, now, latest).await.expect("released");
                assert_eq!(again.is_some_and(|again| again <= now), *released > 0, "whose wait is over");
            }
            Asked::Forgive { job, attempt } => {
                self.queue.refund_attempts(vec![(self.jobs[*job], *attempt)]).await.expect("refunded");
            }
            Asked::Person { act, meant, takes, leaves } => {
                if *act == Act::Retry {
                    self.queue.drop_killed_loads("a test").await.expect("taken away");
                }
                let plan = self.queue.plan_act(*act, &self.selector(*meant)).await.expect("a plan");
                assert_eq!((plan.len(), plan.left_alone()), (*takes, *leaves), "{act:?} {meant:?}");
                let acted = self.queue.act(&plan, now, "ada").await.expect("done");
                assert_eq!((acted.done, acted.moved_on, acted.rivals), (*takes, 0, 0), "{act:?} {meant:?}");
            }
            Asked::PausePlace { batch, lane, paused } => {
                let (batches, lanes) = self.places(*batch, *lane).await;
                assert_eq!(self.queue.pause(&batches, &lanes, now, "ada").await.expect("paused"), *paused);
            }
            Asked::ResumePlace { batch, lane, resumed } => {
                let (batches, lanes) = self.places(*batch, *lane).await;
                assert_eq!(self.queue.resume(&batches, &lanes, now, "ada").await.expect("resumed"), *resumed);
            }
            Asked::Trip { lane, batch, opens } => {
                let (id, batch) = (self.lane_id(*lane).await, batch.map(|batch| self.batches[batch]));
                let cause = OpenCause { failed: 1, ended: 2, code: None };
                let opened = self
                    .queue
                    .open_breaker(id, batch, cause, now, Duration::from_mins(5))
                    .await
                    .expect("breaker-opened");
                assert_eq!(opened, *opens);
            }
            Asked::Probe { lane, may, past } => {
                let mut openings = Vec::new();
                for (lane, batch) in past {
                    openings.push(self.trip(*lane, *batch).await);
                }
                let id = self.lane_id(*lane).await;
                let all: Vec<OpeningId> = self
                    .queue
                    .breaker_openings(Some(id))
                    .await
                    .expect("openings")
                    .iter()
                    .map(|opening| opening.id)
                    .collect();
                let found = self.queue.probe_jobs(id, self.run, &all).await.expect("jobs");
                let found: Vec<JobId> = found.into_iter().map(|job| job.job).collect();
                assert_eq!(found, may.iter().map(|job| self.jobs[*job]).collect::<Vec<_>>(), "what may be tried");
                if let Some(first) = found.first() {
                    self.queue.choose_probe(&openings, *first).await.expect("chosen");
                }
            }
            Asked::ProbeEnds { lane, batch, well } => {
                let opening = self.trip(*lane, *batch).await;
                if *well {
                    assert!(self.queue.close_breaker(opening, now).await.expect("closed"));
                } else {
                    self.queue
                        .keep_breaker_open(opening, self.run, now, Duration::from_mins(9))
                        .await
                        .expect("renewed");
                }
            }
            Asked::Decide { job, again } => {
                let evidence = self.queue.evidence(self.jobs[*job]).await.expect("evidence").expect("a job");
                let decision = if *again { Decision::SendAgain } else { Decision::Fail };
                self.queue.resolve(&evidence, &decision, now, "ada").await.expect("resolved");
            }
            Asked::Restart { .. } => unreachable!("it takes the store apart"),
        }
    }

    /// The number of the breaker that is open there, closed or not by the model's book.
    async fn trip(&self, number: usize, batch: Option<usize>) -> OpeningId {
        let (lane, batch) = (self.lane_id(number).await, batch.map(|batch| self.batches[batch]));
        let openings = self.queue.breaker_openings(Some(lane)).await.expect("openings");
        openings.iter().find(|opening| opening.batch == batch).expect("an open breaker").id
    }

    async fn places(&self, batch: Option<usize>, number: Option<usize>) -> (Vec<BatchId>, Vec<LaneId>) {
        let batches = batch.map(|batch| self.batches[batch]).into_iter().collect();
        let mut lanes = Vec::new();
        if let Some(number) = number {
            lanes.push(self.lane_id(number).await);
        }
        (batches, lanes)
    }

    /// A new process on the same file; the old one has ended in good order, or with everything in the air.
    fn restart(self, gently: bool, recovered: usize, model: &Model) -> Self {
        let Self { folder, runtime: before, queue, run, jobs, batches } = self;
        if gently {
            before.block_on(async {
                queue.end_run(run, Timestamp(model.now)).await.expect("ended");
                queue.close().await;
            });
        } else {
            // Something is on its way to the writer, and nobody will hear of it.
            before.block_on(async { std::mem::drop(queue.poll_later(&[]).now_or_never()) });
            drop(queue);
        }
        drop(before);
        let runtime = runtime();
        let path = folder.path().join("test.db");
        let (queue, run, done) = runtime.block_on(begin(&path, Timestamp(model.now)));
        assert_eq!(done, recovered, "what was under way");
        Self { folder, runtime, queue, run, jobs, batches }
    }

    async fn holds(&self, model: &Model) {
        self.jobs_are_alike(model).await;
        self.batches_are_alike(model).await;
        for number in &model.met {
            self.lane_is_alike(*number, model).await;
        }
        for (place, batch) in once_each_and_all(&model.batches) {
            let id = place.map(|place| self.batches[place]);
            let jobs: BTreeSet<usize> = match batch {
                Some(batch) => batch.rows.iter().map(|(job, _)| *job).collect(),
                None => (0..model.jobs.len()).collect(),
            };
            let count = |fits: &dyn Fn(&Job) -> bool| jobs.iter().filter(|job| fits(&model.jobs[**job])).count() as u64;
            let unfinished = count(&|job| match job.state {
                JobState::Queued => !model.waits(job),
                JobState::Submitting | JobState::Exporting | JobState::Unknown => true,
                _ => false,
            });
            assert_eq!(self.queue.unfinished(id).await.expect("a count"), unfinished, "what recovers automatically");
            let unsuccessful = count(&|job| !matches!(job.state, JobState::Succeeded | JobState::Cancelled));
            assert_eq!(self.queue.unsuccessful(id).await.expect("a count"), unsuccessful);
        }
    }

    async fn jobs_are_alike(&self, model: &Model) {
        let found = self.queue.jobs_page(&Selector::default(), None, 10_000).await.expect("jobs");
        let known: BTreeSet<JobId> = self.jobs.iter().copied().collect();
        assert_eq!(found.iter().map(|job| job.id).collect::<BTreeSet<_>>(), known, "the jobs that there are");
        for (id, wanted) in self.jobs.iter().zip(&model.jobs) {
            let job = found.iter().find(|job| job.id == *id).expect("a job");
            assert_eq!(Seen::of(job), Seen::wanted(wanted), "{job:?}");
            let detail = self.queue.job(job.id).await.expect("a job").expect("a job");
            let history: Vec<_> =
                detail.transitions.iter().map(|one| (one.at.0, one.from, one.to, one.event.as_str())).collect();
            assert_eq!(history, wanted.history, "the history of {}", job.id);
            let steps: Vec<u64> = detail.transitions.iter().map(|one| one.step).collect();
            assert!(steps.iter().zip(1..).all(|(step, number)| *step == number), "{steps:?}");
            let outcomes: Vec<_> = detail.attempts.iter().map(|one| one.outcome.map(AttemptOutcome::as_str)).collect();
            assert_eq!(outcomes, wanted.attempts, "the attempts of {}", job.id);
        }
    }

    async fn batches_are_alike(&self, model: &Model) {
        let mut found = self.queue.batches().await.expect("batches");
        found.retain(|batch| self.batches.contains(&batch.id));
        assert_eq!(found.len(), model.batches.len());
        for (number, (view, wanted)) in found.iter().zip(&model.batches).enumerate() {
            assert_eq!(view.paused.as_ref().map(|pause| pause.since.0), wanted.paused_at);
            let of = |disposition: Disposition| -> BTreeSet<usize> {
                wanted.rows.iter().filter(|(_, one)| *one == disposition).map(|(job, _)| *job).collect()
            };
            let count = |jobs: &BTreeSet<usize>, state| {
                jobs.iter().filter(|job| model.jobs[**job].state == state).count() as u64
            };
            let (own, shared) = (of(Disposition::New), of(Disposition::Live));
            for state in JobState::ALL {
                assert_eq!(view.jobs.of(state), count(&own, state), "{state} of batch {number}");
                assert_eq!(view.shared.of(state), count(&shared, state), "{state} shared by batch {number}");
            }
            let selector = Selector { batch: Some(view.id), ..Selector::default() };
            let rows = self.queue.report_page(&selector, None, 10_000).await.expect("rows");
            let rows: Vec<JobId> = rows.iter().map(|row| row.job.id).collect();
            let wanted: Vec<JobId> = wanted.rows.iter().map(|(job, _)| self.jobs[*job]).collect();
            assert_eq!(rows, wanted, "the report of batch {number}");
        }
    }

    async fn lane_is_alike(&self, number: usize, model: &Model) {
        let id = self.lane_id(number).await;
        let of = |state| model.jobs.iter().filter(move |job| job.lane == number && job.state == state);
        let load = self.queue.load(id).await.expect("a load");
        let count = |state| of(state).count() as u64;
        let found = [load.queued, load.submitting, load.exporting, load.unknown];
        let states = [JobState::Queued, JobState::Submitting, JobState::Exporting, JobState::Unknown];
        assert_eq!(found, states.map(count), "the counters of lane {number}");
        let copies: u32 = states[1..].iter().flat_map(|state| of(*state)).map(|job| job.copies).sum();
        assert_eq!(load.in_flight, u64::from(copies), "the copies of lane {number}");
        let due = of(JobState::Queued).filter_map(|job| job.due_at).min();
        assert_eq!(self.queue.next_due(id).await.expect("a time").map(|at| at.0), due);
        let openings = self.queue.breaker_openings(Some(id)).await.expect("openings");
        let found: Vec<_> = openings.iter().map(|opening| (opening.batch, opening.probe, opening.in_vain)).collect();
        let wanted: Vec<_> = model
            .openings
            .iter()
            .filter(|opening| opening.lane == number)
            .map(|opening| {
                (
                    opening.batch.map(|batch| self.batches[batch]),
                    opening.probe.map(|job| self.jobs[job]),
                    opening.in_vain,
                )
            })
            .collect();
        assert_eq!(found, wanted, "the breakers of lane {number}");
        let ended = self.queue.batch_outcomes(id).await.expect("outcomes");
        let ended: Vec<_> = ended.iter().map(|one| one.outcomes.clone()).collect();
        let wanted = model.outcomes.iter().filter(|((lane, batch), _)| *lane == number && batch.is_some());
        assert_eq!(ended, wanted.map(|(_, list)| counted(list)).collect::<Vec<_>>(), "what ended in lane {number}");
        let goes_on = of(JobState::Queued).count() > 0;
        let whole = model.outcomes.get(&(number, None)).map(|list| counted(list)).unwrap_or_default();
        let failing = self.queue.failing(id).await.expect("outcomes").0;
        assert_eq!(failing, if goes_on && whole.failed > 0 { whole } else { Outcomes::default() });
        let may = self.queue.claimable(id, self.run, 10_000).await.expect("claimable");
        let wanted: Vec<JobId> = model.claimable(number).into_iter().map(|job| self.jobs[job]).collect();
        assert_eq!(may.iter().map(|one| one.job).collect::<Vec<_>>(), wanted, "what lane {number} may send");
    }
}

fn counted(list: &[Option<&'static str>]) -> Outcomes {
    let few = |count: usize| u32::try_from(count).expect("few");
    let row = list.last().copied().flatten().map(|code| {
        let times = list.iter().rev().take_while(|one| **one == Some(code)).count();
        (ErrorCode::new(code), few(times))
    });
    Outcomes { ended: few(list.len()), failed: few(list.iter().flatten().count()), row }
}

/// Each batch with its number, and all together.
fn once_each_and_all(batches: &[Batch]) -> impl Iterator<Item = (Option<usize>, Option<&Batch>)> {
    batches.iter().enumerate().map(|(place, batch)| (Some(place), Some(batch))).chain([(None, None)])
}

/// What is compared of a job.
#[derive(Debug, PartialEq)]
struct Seen {
    place: (String, String, u64, i64, bool),
    state: JobState,
    waits: (Option<&'static str>, Option<i64>, Option<i64>),
    counts: (u32, u32, u32),
    outcome: (bool, Option<String>, Option<String>),
    times: (i64, Option<i64>, Option<i64>),
}

impl Seen {
    fn of(job: &JobView) -> Self {
        Self {
            place: (
                job.lane.region.to_string(),
                job.snapshot_name.to_string(),
                job.line,
                job.priority,
                job.export_again,
            ),
            state: job.state,
            waits: (job.hold.map(Hold::as_str), job.paused_at.map(|at| at.0), job.due_at.map(|at| at.0)),
            counts: (job.attempts, job.used, job.weight),
            outcome: (job.adopted, job.destination_id.clone(), job.error_code.as_ref().map(ToString::to_string)),
            times: (job.queued_at.0, job.submitted_at.map(|at| at.0), job.finished_at.map(|at| at.0)),
        }
    }

    fn wanted(job: &Job) -> Self {
        Self {
            place: (REGIONS[job.lane].to_owned(), snapshot(job.name).to_string(), job.line, job.priority, job.again),
            state: job.state,
            waits: (job.hold.map(Hold::as_str), job.paused_at, job.due_at),
            counts: (job.attempt, job.used, job.copies),
            outcome: (job.adopted, job.destination.clone(), job.code.map(str::to_owned)),
            times: (job.queued_at, job.submitted_at, job.finished_at),
        }
    }
}

impl StateMachineTest for Store {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let (folder, runtime) = (folder(), runtime());
        let path = folder.path().join("test.db");
        let (queue, run, _) = runtime.block_on(begin(&path, Timestamp(model.now)));
        Self { folder, runtime, queue, run, jobs: Vec::new(), batches: Vec::new() }
    }

    fn apply(mut store: Self, model: &Model, _: <Model as ReferenceStateMachine>::Transition) -> Self {
        if let Asked::Restart { gently, recovered } = &model.asked {
            return store.restart(*gently, *recovered, model);
        }
        let runtime = Rc::clone(&store.runtime);
        runtime.block_on(store.do_as_asked(model));
        store
    }

    fn check_invariants(store: &Self, model: &Model) {
        store.runtime.block_on(store.holds(model));
    }
}
