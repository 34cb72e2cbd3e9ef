//! The status for programs. The names are stable: members are added, never renamed or removed. Times are RFC 3339 in UTC,
//! and null stands for what is not known. docs/json.md describes the members.

use super::binding::bindings;
use super::forecast::{Forecast, when_and_why};
use super::status_text::sentence;
use super::view::{StatusView, progress_of};
use crate::domain::{JobState, Timestamp};
use crate::queue::{BatchView, LaneView, StateCounts};
use crate::report::layout::style::Colour;
use crate::report::layout::words::time;
use crate::report::steering::breaker_text::breaker_json;
use crate::report::steering::takeover_text::takeover_json;
use serde_json::{Value, json};

/// A status as a JSON object.
pub fn status_json(view: &StatusView) -> Value {
    let jobs = view.jobs();
    let batches = view.batches.iter().filter(|_| !view.place.is_narrow());
    json!({
        "now": view.now.to_string(),
        "health": view.health().as_str(),
        "summary": sentence(view, Colour::Plain),
        "daemon": view.daemon,
        "total": jobs.total(),
        "done": jobs.total() - jobs.live(),
        "jobs": jobs,
        "finish": finish(&view.forecast(), &jobs, view.now),
        "batches": batches.map(|one| batch(view, one)).collect::<Vec<_>>(),
        "lanes": view.lanes.iter().map(|one| lane(view, one)).collect::<Vec<_>>(),
        "takeover": view.takeover.as_ref().map(|takeover| {
            let until = view.lanes.iter().filter_map(|lane| view.takeover_until(lane)).max();
            takeover_json(takeover, until, view.now)
        }),
        "failures": view.failures,
        "needs": view.needs(),
    })
}

/// When it will be done.
fn finish(forecast: &Forecast, jobs: &StateCounts, now: Timestamp) -> Value {
    let (kind, earliest, latest, rests_on) = match forecast {
        Forecast::Done => ("done", None, None, None),
        Forecast::NotBefore(_) => ("held", None, None, None),
        Forecast::Unmeasured(_) => ("unmeasured", None, None, None),
        Forecast::Between { earliest, latest, rests_on } => {
            ("range", Some(*earliest), Some(*latest), Some(rests_on.kind))
        }
    };
    json!({
        "kind": kind,
        "earliest": time(earliest),
        "latest": time(latest),
        "rests_on": rests_on,
        "text": when_and_why(forecast, jobs.of(JobState::NeedsReview), now),
    })
}

fn batch(view: &StatusView, batch: &BatchView) -> Value {
    let (done, total) = progress_of(batch);
    let breakers = view.stopped().filter(|(opening, _)| opening.batch == Some(batch.id));
    json!({
        "name": batch.name,
        "source": batch.source,
        "state": batch.stage,
        "created_at": batch.created_at.to_string(),
        "sealed_at": time(batch.sealed_at),
        "rows": batch.rows,
        "total": total,
        "done": done,
        "jobs": batch.jobs,
        "shared_jobs": batch.shared,
        "paused": batch.paused,
        "breakers": breakers.map(|(opening, lane)| breaker_json(opening, lane)).collect::<Vec<_>>(),
        "finish": finish(&view.batch_forecast(batch), &batch.jobs.plus(&batch.shared), view.now),
    })
}

fn lane(status: &StatusView, view: &LaneView) -> Value {
    let limits = status.limits_of(view.id);
    let in_flight = [JobState::Submitting, JobState::Exporting, JobState::Unknown];
    let breaker = status.stopped().find(|(opening, _)| opening.lane == view.id && opening.batch.is_none());
    json!({
        "account": view.lane.account,
        "region": view.lane.region,
        "account_number": view.account_number,
        "jobs": view.jobs,
        "copies_in_flight": in_flight.iter().map(|state| view.copies.of(*state)).sum::<u64>(),
        "copies_of_others": status.copies_of_others(view.id),
        "bound_by": bindings(status, view),
        "learned_rate": view.learned_rate,
        "longest_delay_ms": u64::try_from(view.delay.longest.as_millis()).unwrap_or(u64::MAX),
        "longest_delay_seen_at": time(view.delay.seen_at),
        "reconciliation_window_ms": u64::try_from(status.window_of(view).as_millis()).unwrap_or(u64::MAX),
        "first_export_accepted": view.proven,
        "listed_at": time(view.listed_at),
        "blocked": view.blocked,
        "paused": view.paused,
        "breaker": breaker.map(|(opening, lane)| breaker_json(opening, lane)),
        "ceiling": limits.ceiling,
        "max_in_flight": limits.cap,
        "lowered_cap": status.lowered_cap(view).map(|(lowered, _)| lowered),
        "throttles_a_minute": status.throttles_a_minute(view.id),
        "ended_a_minute": status.ended_a_minute(view.id),
        "finish": finish(&status.lane_forecast(view), &view.jobs, status.now),
    })
}
