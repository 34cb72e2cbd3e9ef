//! The status for programs. The names are stable: members are added, never renamed or taken away. Times are RFC 3339
//! in UTC; what is not known is null. docs/json.md describes them.

use super::binding::{Binding, bindings};
use super::forecast::{Forecast, when_and_why};
use super::needs::Need;
use super::text::sentence;
use super::view::{StatusView, progress_of};
use crate::domain::{AccountNumber, JobState, Lane, LoweredCap, Timestamp};
use crate::queue::{BatchStage, BatchView, Block, LaneView, Pause, RowCounts, StateCounts};
use crate::report::completion::columns::time;
use crate::report::jobs::failures::Failures;
use crate::report::layout::style::Colour;
use crate::report::steering::breakers::BreakerEntry;
use crate::report::steering::takeover::TakeoverEntry;
use serde::Serialize;

/// A status as one JSON value, on a single line or on several.
pub fn status_json(view: &StatusView) -> impl Serialize + '_ {
    let jobs = view.jobs();
    Status {
        now: view.now.to_string(),
        health: view.health().as_str(),
        summary: sentence(view, Colour::Plain),
        daemon: view.daemon.as_deref(),
        total: jobs.total(),
        done: jobs.total() - jobs.live(),
        finish: Finish::of(&view.forecast(), &jobs, view.now),
        jobs,
        batches: if view.place.is_narrow() {
            Vec::new()
        } else {
            view.batches.iter().map(|one| batch(view, one)).collect()
        },
        lanes: view.lanes.iter().map(|one| lane(view, one)).collect(),
        takeover: view.takeover.as_ref().map(|takeover| {
            let until = view.lanes.iter().filter_map(|lane| view.takeover_until(lane)).max();
            TakeoverEntry::new(takeover, until, view.now)
        }),
        failures: &view.failures,
        needs: view.needs(),
    }
}

#[derive(Serialize)]
struct Status<'a> {
    now: String,
    health: &'static str,
    summary: String,
    daemon: Option<&'a str>,
    total: u64,
    done: u64,
    jobs: StateCounts,
    finish: Finish,
    batches: Vec<BatchJson<'a>>,
    lanes: Vec<LaneEntry<'a>>,
    takeover: Option<TakeoverEntry>,
    failures: &'a Failures,
    needs: Vec<Need>,
}

#[derive(Serialize)]
struct BatchJson<'a> {
    name: &'a str,
    source: &'a str,
    state: BatchStage,
    created_at: String,
    sealed_at: Option<String>,
    rows: RowCounts,
    total: u64,
    done: u64,
    jobs: &'a StateCounts,
    shared_jobs: &'a StateCounts,
    paused: Option<&'a Pause>,
    breakers: Vec<BreakerEntry<'a>>,
    finish: Finish,
}

#[derive(Serialize)]
struct LaneEntry<'a> {
    #[serde(flatten)]
    lane: &'a Lane,
    account_number: Option<&'a AccountNumber>,
    jobs: &'a StateCounts,
    copies_in_flight: u64,
    copies_of_others: u64,
    bound_by: Vec<&'static str>,
    learned_rate: Option<f64>,
    longest_delay_ms: u64,
    longest_delay_seen_at: Option<String>,
    reconciliation_window_ms: u64,
    first_export_accepted: bool,
    listed_at: Option<String>,
    blocked: Option<&'a Block>,
    paused: Option<&'a Pause>,
    breaker: Option<BreakerEntry<'a>>,
    ceiling: f64,
    max_in_flight: u32,
    lowered_cap: Option<LoweredCap>,
    throttles_a_minute: u64,
    ended_a_minute: u64,
    finish: Finish,
}

/// When it will be done.
#[derive(Serialize)]
struct Finish {
    kind: &'static str,
    earliest: Option<String>,
    latest: Option<String>,
    rests_on: Option<&'static str>,
    text: Option<String>,
}

impl Finish {
    fn of(forecast: &Forecast, jobs: &StateCounts, now: Timestamp) -> Self {
        let text = when_and_why(forecast, jobs.of(JobState::NeedsReview), now);
        let of_kind = |kind| Self { kind, earliest: None, latest: None, rests_on: None, text };
        match forecast {
            Forecast::Done => of_kind("done"),
            Forecast::NotBefore(_) => of_kind("held"),
            Forecast::Unmeasured(_) => of_kind("unmeasured"),
            Forecast::Between { earliest, latest, rests_on } => Self {
                earliest: Some(earliest.to_string()),
                latest: Some(latest.to_string()),
                rests_on: Some(rests_on.kind),
                ..of_kind("range")
            },
        }
    }
}

fn batch<'a>(view: &'a StatusView, batch: &'a BatchView) -> BatchJson<'a> {
    let (done, total) = progress_of(batch);
    BatchJson {
        name: batch.name.as_str(),
        source: &batch.source,
        state: batch.stage,
        created_at: batch.created_at.to_string(),
        sealed_at: time(batch.sealed_at),
        rows: batch.rows,
        total,
        done,
        jobs: &batch.jobs,
        shared_jobs: &batch.shared,
        paused: batch.paused.as_ref(),
        breakers: view
            .stopped()
            .filter(|(opening, _)| opening.batch == Some(batch.id))
            .map(|(opening, lane)| BreakerEntry::of_batch(opening, lane))
            .collect(),
        finish: Finish::of(&view.batch_forecast(batch), &batch.jobs.plus(&batch.shared), view.now),
    }
}

fn lane<'a>(status: &'a StatusView, view: &'a LaneView) -> LaneEntry<'a> {
    let limits = status.limits_of(view.id);
    let in_flight = [JobState::Submitting, JobState::Exporting, JobState::Unknown];
    LaneEntry {
        lane: &view.lane,
        account_number: view.account_number.as_ref(),
        jobs: &view.jobs,
        copies_in_flight: in_flight.iter().map(|state| view.copies.of(*state)).sum(),
        copies_of_others: status.copies_of_others(view.id),
        bound_by: bindings(status, view).into_iter().map(Binding::as_str).collect(),
        learned_rate: view.learned_rate,
        longest_delay_ms: u64::try_from(view.delay.longest.as_millis()).unwrap_or(u64::MAX),
        longest_delay_seen_at: time(view.delay.seen_at),
        reconciliation_window_ms: u64::try_from(status.window_of(view).as_millis()).unwrap_or(u64::MAX),
        first_export_accepted: view.proven,
        listed_at: time(view.listed_at),
        blocked: view.blocked.as_ref(),
        paused: view.paused.as_ref(),
        breaker: status
            .openings
            .iter()
            .find(|opening| opening.lane == view.id && opening.batch.is_none())
            .map(BreakerEntry::of_lane),
        ceiling: limits.ceiling,
        max_in_flight: limits.cap,
        lowered_cap: status.lowered_cap(view).map(|(lowered, _)| lowered),
        throttles_a_minute: status.throttles_a_minute(view.id),
        ended_a_minute: status.ended_a_minute(view.id),
        finish: Finish::of(&status.lane_forecast(view), &view.jobs, status.now),
    }
}
