//! What is stopped by its circuit breaker, in the same words for status, why, resume and the end of a run.

use crate::domain::{BatchName, Lane, ProbeState, Timestamp};
use crate::queue::BreakerOpening;
use crate::report::layout::words::{ago, quoted, several, span, time};
use serde_json::{Value, json};

/// What is stopped: `batch fleet in lane prod/eu-west-1`, or `lane prod/eu-west-1`.
pub fn stopped_place(opening: &BreakerOpening, lane: &Lane) -> String {
    opening.batch_name.as_ref().map_or_else(|| format!("lane {lane}"), |name| format!("batch {name} in lane {lane}"))
}

/// The command that resumes it.
pub fn resume_command(opening: &BreakerOpening, lane: &Lane) -> String {
    opening.batch_name.as_ref().map_or_else(|| resume_lane(lane), resume_batch)
}

/// The command that ends a batch's pause, and closes its breakers.
pub(in crate::report) fn resume_batch(name: &BatchName) -> String {
    format!("snapferry resume --batch {}", quoted(name.as_str()))
}

/// The command that ends a lane's pause, and closes its breaker.
pub(in crate::report) fn resume_lane(lane: &Lane) -> String {
    format!("snapferry resume --account {} --region {}", lane.account, lane.region)
}

/// When the breaker tries the next job; nothing while one is being tried.
pub(in crate::report) fn next_try(opening: &BreakerOpening) -> Option<Timestamp> {
    match opening.probe_state {
        ProbeState::UnderWay | ProbeState::Succeeded => None,
        ProbeState::None | ProbeState::Failed | ProbeState::Silent => Some(opening.waits_from.after(opening.wait)),
    }
}

/// Since when and on what, and what comes next.
pub(in crate::report) fn stopped_since(opening: &BreakerOpening, now: Timestamp) -> String {
    format!(
        "stopped by its circuit breaker {}: {}; {}",
        ago(now, opening.opened_at),
        opening.cause,
        what_next(opening, now)
    )
}

/// What an open breaker waits for.
pub fn what_next(opening: &BreakerOpening, now: Timestamp) -> String {
    let in_vain = match opening.in_vain {
        0 => String::new(),
        tried => format!(", after {}", several(u64::from(tried), "failed probe")),
    };
    match (next_try(opening), opening.probe) {
        (None, Some(job)) => format!("job {job} is its probe{in_vain}"),
        (None, None) => format!("one job is its probe{in_vain}"),
        (Some(at), _) if at > now => format!("one job probes in {}{in_vain}", span(at.since(now))),
        (Some(_), _) => format!("one job probes next{in_vain}"),
    }
}

/// An open breaker as JSON.
pub(in crate::report) fn breaker_json(opening: &BreakerOpening, lane: &Lane) -> Value {
    json!({
        "account": lane.account,
        "region": lane.region,
        "since": opening.opened_at.to_string(),
        "cause": opening.cause.to_string(),
        "failed": opening.cause.failed,
        "ended": opening.cause.ended,
        "code": opening.cause.code,
        "next_try_at": time(next_try(opening)),
        "trying": opening.probe.filter(|_| opening.probe_state == ProbeState::UnderWay),
        "tried_in_vain": opening.in_vain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JobId, LaneId, OpenCause, OpeningId};
    use std::time::Duration;

    fn trip(probe_state: ProbeState, in_vain: u32) -> BreakerOpening {
        BreakerOpening {
            id: OpeningId(1),
            lane: LaneId(1),
            batch: None,
            batch_name: None,
            opened_at: Timestamp(0),
            cause: OpenCause { failed: 25, ended: 50, code: None },
            waits_from: Timestamp(0),
            wait: Duration::from_mins(5),
            probe: Some(JobId(7)),
            probe_state,
            in_vain,
        }
    }

    #[test]
    fn it_says_what_comes_next() {
        let at = |minute: i64| Timestamp(minute * 60_000);
        let says = |probe_state, tried, minute| what_next(&trip(probe_state, tried), at(minute));
        assert_eq!(says(ProbeState::None, 0, 2), "one job probes in 3 min");
        assert_eq!(says(ProbeState::UnderWay, 0, 6), "job 7 is its probe");
        assert_eq!(says(ProbeState::Silent, 1, 6), "one job probes next, after 1 failed probe");
        assert_eq!(says(ProbeState::None, 2, 4), "one job probes in 1 min, after 2 failed probes");
        assert_eq!(
            stopped_since(&trip(ProbeState::None, 0), at(2)),
            "stopped by its circuit breaker 2 min ago: 25 of the last 50 jobs failed; one job probes in 3 min"
        );
    }
}
