//! What a run is held to.

use super::run::{Brought, Outcome};
use super::truth::{Export, Fate, Truth};
use crate::limit::{Limit, check_windows};
use snapferry::domain::{Existing, JobId, JobState};
use snapferry::queue::JobDetail;
use std::time::Duration;

/// The first promise that was broken.
pub(super) fn broken(outcome: &Outcome) -> Option<String> {
    outcome.lanes.iter().enumerate().find_map(|(lane, script)| {
        let truth = script.truth();
        let of_lane = |job: &&JobDetail| job.job.lane.region.as_str() == super::run::region(lane);
        let jobs: Vec<&JobDetail> = outcome.jobs.iter().filter(of_lane).collect();
        let judge = Judge { outcome, truth: &truth, jobs };
        if outcome.weather.restores() {
            // What a lost host has called is on no record.
            return (0..truth.snapshots.len()).find_map(|name| judge.needless_beside_lost_hosts(name));
        }
        judge
            .limits()
            .or_else(|| judge.ends())
            .or_else(|| (0..truth.snapshots.len()).find_map(|name| judge.needless(name).or_else(|| judge.untold(name))))
    })
}

struct Judge<'a> {
    outcome: &'a Outcome,
    truth: &'a Truth,
    jobs: Vec<&'a JobDetail>,
}

/// A call, the job that it was made for, and what it began.
struct Made<'a> {
    job: &'a JobDetail,
    left: Duration,
    export: Option<&'a Export>,
}

impl Judge<'_> {
    fn limits(&self) -> Option<String> {
        let settings = &self.outcome.weather.settings;
        let exports = Limit { rate: settings.export.rate, burst: settings.export.burst };
        let reads = Limit { rate: settings.read.rate, burst: settings.read.burst };
        let millis = |at: Duration| u64::try_from(at.as_millis()).expect("short");
        let calls = self.truth.calls.iter().map(|call| millis(call.left)).collect();
        let read = self.truth.reads.iter().map(|at| millis(*at)).collect();
        let over = |what: &str, broken: Result<(), String>| broken.err().map(|broken| format!("the {what}: {broken}"));
        over("exports", check_windows(calls, exports)).or_else(|| over("reads", check_windows(read, reads)))
    }

    fn of(&self, name: usize) -> Vec<&JobDetail> {
        let name = &self.truth.snapshots[name].name;
        self.jobs.iter().copied().filter(|job| job.job.snapshot_name.as_str() == name).collect()
    }

    /// The calls of a name: one for each attempt, in their order.
    fn made(&self, name: usize) -> Result<Vec<Made<'_>>, String> {
        let jobs = self.of(name);
        let attempts = jobs.iter().flat_map(|job| job.attempts.iter().map(move |_| *job));
        let attempts: Vec<&JobDetail> = attempts.collect();
        let calls: Vec<_> = self.truth.calls.iter().filter(|call| call.name == name).collect();
        if attempts.len() != calls.len() {
            let name = &self.truth.snapshots[name].name;
            return Err(format!("{name}: {} attempts on the disk, {} calls", attempts.len(), calls.len()));
        }
        Ok(attempts
            .into_iter()
            .zip(calls)
            .map(|(job, call)| Made {
                job,
                left: call.left,
                export: call.export.map(|number| &self.truth.exports[number]),
            })
            .collect())
    }

    fn brought(&self, job: JobId) -> Brought {
        self.outcome.brought.get(&job).copied().expect("a job that was brought in")
    }

    /// An export beside one that was there already and good for the job.
    fn needless(&self, name: usize) -> Option<String> {
        let made = match self.made(name) {
            Ok(made) => made,
            Err(broken) => return Some(broken),
        };
        for (number, call) in made.iter().enumerate() {
            let Some(second) = call.export else { continue };
            for earlier in &made[..number] {
                let Some(first) = earlier.export.filter(|first| !first.late && first.arn == second.arn) else {
                    continue;
                };
                let (job, before) = (call.job.job.id, earlier.job.job.id);
                let known = if job == before {
                    first.good || first.operation_end.min(first.record_end) > call.left
                } else {
                    let brought = self.brought(job);
                    let sure = self.outcome.weather.slips == 0.0 && first.says_source && !first.is_dark();
                    let there = first.record_end.max(first.destination_at).saturating_add(Duration::from_mins(1));
                    brought.existing == Existing::Adopt && first.good && sure && there < brought.at
                };
                if known {
                    return Some(format!(
                        "needless: job {job} made {} at {:?}, though {} of job {before} stood",
                        second.destination, call.left, first.destination
                    ));
                }
            }
        }
        None
    }

    /// An export of ours beside one that was there or under way, whichever host made the two.
    fn needless_beside_lost_hosts(&self, name: usize) -> Option<String> {
        let calls = self.truth.calls.iter().filter(|call| call.name == name);
        let made: Vec<_> = calls.filter_map(|call| Some((call.left, &self.truth.exports[call.export?]))).collect();
        made.iter().enumerate().find_map(|(number, (left, second))| {
            let stood = |first: &&(Duration, &Export)| {
                first.1.arn == second.arn && (first.1.good || first.1.operation_end.min(first.1.record_end) > *left)
            };
            let (_, first) = made[..number].iter().find(stood)?;
            Some(format!("needless: {} was made at {left:?}, though {} stood", second.destination, first.destination))
        })
    }

    /// An export of ours that no job tells of, or a job that tells what is not so.
    fn untold(&self, name: usize) -> Option<String> {
        let jobs = self.of(name);
        let exports: Vec<&Export> = self.truth.exports.iter().filter(|export| export.name == name).collect();
        for job in &jobs {
            let state = job.job.state;
            let Some(destination) = &job.job.destination_id else {
                if state == JobState::Succeeded {
                    return Some(format!("job {} has succeeded without a destination", job.job.id));
                }
                continue;
            };
            let Some(export) = exports.iter().find(|export| export.destination == *destination) else {
                return Some(format!("job {} became {destination}, which is another snapshot's", job.job.id));
            };
            if state == JobState::Succeeded && !export.good {
                return Some(format!("job {} became {destination}, which failed", job.job.id));
            }
            let twice = |other: &&JobDetail| {
                other.job.id != job.job.id
                    && other.job.destination_id.as_ref() == Some(destination)
                    && !other.job.adopted
            };
            if !job.job.adopted && jobs.iter().copied().any(|other| twice(&other)) {
                return Some(format!("{destination} is the own export of two jobs"));
            }
        }
        let made = self.made(name).ok()?;
        for call in made {
            let Some(export) = call.export.filter(|export| export.good && !export.is_dark()) else { continue };
            // What Lightsail has not shown the end of has no other name than its record's.
            let record = export.destination.replacen("ami", "record", 1);
            let names = |job: &&JobDetail| {
                let says = |message: &String| message.contains(&export.destination) || message.contains(&record);
                job.job.destination_id.as_ref() == Some(&export.destination)
                    || job.job.error_message.as_ref().is_some_and(says)
            };
            let in_review = call.job.job.state == JobState::NeedsReview;
            if !in_review && !jobs.iter().copied().any(|job| names(&job)) {
                return Some(format!(
                    "untold: {} of job {}, which is {}{}",
                    export.destination,
                    call.job.job.id,
                    call.job.job.state,
                    if export.late { " (late)" } else { "" }
                ));
            }
        }
        None
    }

    /// A job that failed, or that needs a person, without a reason.
    fn ends(&self) -> Option<String> {
        let weather = &self.outcome.weather;
        self.jobs.iter().find_map(|job| {
            let name = self.truth.snapshots.iter().position(|one| one.name == job.job.snapshot_name.as_str())?;
            let made = self.made(name).ok()?;
            let calm = weather.odd == 0.0
                && weather.slips == 0.0
                && !self.truth.snapshots[name].changes()
                && self.truth.exports.iter().filter(|one| one.name == name).all(|one| one.is_ours() && !one.late);
            // A clock that was set on while no daemon ran looks like the time having passed.
            let aged = weather.sets_on_by(weather.settings.poll.give_up);
            let refused =
                self.truth.calls.iter().any(|call| call.name == name && matches!(call.fate, Fate::Refused(_)));
            let failing = made.iter().any(|call| call.export.is_some_and(|export| !export.good));
            let spent = job.job.used >= weather.settings.export.max_attempts;
            match job.job.state {
                JobState::NeedsReview if calm && !aged => {
                    Some(format!("job {} needs a person, and nothing odd has happened to it", job.job.id))
                }
                JobState::Failed if calm && !spent && !refused && !failing => {
                    Some(format!("job {} has failed without a reason: {:?}", job.job.id, job.job.error_message))
                }
                JobState::Cancelled if weather.cancels() => None,
                JobState::Succeeded | JobState::Failed | JobState::NeedsReview => None,
                state @ (JobState::Queued
                | JobState::Submitting
                | JobState::Exporting
                | JobState::Unknown
                | JobState::Cancelled) => Some(format!("job {} is {state} at the end", job.job.id)),
            }
        })
    }
}
