//! Live progress of a batch on stderr: a bar on a terminal, otherwise a plain line now and then.

use crate::cli::terminal::screen::{bar, note};
use crate::cli::views::status::read_status;
use crate::clock::{SharedClock, Stop, stopped};
use crate::domain::{BatchName, JobState};
use crate::queue::{BreakerOpening, LaneView, Queue, StateCounts};
use crate::report::{LaneFilter, StatusView, percent, progress_of, stopped_place, what_next};
use crate::settings::Settings;
use indicatif::MultiProgress;
use std::io::IsTerminal;
use std::time::Duration;

/// How often the bar is drawn.
const DRAW: Duration = Duration::from_millis(500);

/// The shortest interval of plain lines, and of new forecasts.
const LINE: Duration = Duration::from_secs(5);

/// Follows a batch until `stop` says so.
pub(crate) async fn show(
    queue: Queue,
    batch: BatchName,
    settings: Settings,
    clock: SharedClock,
    progress: MultiProgress,
    mut stop: Stop,
) -> anyhow::Result<()> {
    let terminal = std::io::stderr().is_terminal();
    let bar = terminal.then(|| bar(&progress, 0, "{bar:14} {wide_msg}{prefix}"));
    let mut shown = String::new();
    let mut next_reading = Duration::ZERO;
    loop {
        if let Some(view) = queue.batch(&batch).await? {
            let counts = counts(&view.jobs.plus(&view.shared));
            if let Some(bar) = &bar {
                let (done, all) = progress_of(&view);
                bar.set_length(all);
                bar.set_position(done);
                bar.set_message(format!("{:>3}%  {counts}", percent(done, all)));
            }
            if clock.elapsed() >= next_reading && (terminal || counts != shown) {
                next_reading = clock.elapsed() + LINE;
                let status = read_status(&queue, Some(view), LaneFilter::default(), &settings, clock.now()).await?;
                let mut about: Vec<String> = status.when().into_iter().collect();
                about.extend(held(&status));
                match &bar {
                    Some(bar) => bar.set_prefix(about.iter().fold(String::new(), |text, line| text + "\n  " + line)),
                    None => note(&format!("{batch}: {counts}; {}", about.join("; "))),
                }
                shown = counts;
            }
        }
        let pause = if terminal { DRAW } else { LINE };
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = stopped(&mut stop) => break,
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(())
}

/// What holds lanes back.
fn held(status: &StatusView) -> Vec<String> {
    let stopped = |opening: &BreakerOpening| {
        let lane = &status.lanes.iter().find(|lane| lane.id == opening.lane)?.lane;
        let (place, next) = (stopped_place(opening, lane), what_next(opening, status.now));
        Some(format!("{place} is stopped by its circuit breaker: {}; {next}", opening.cause))
    };
    status.lanes.iter().filter_map(why).chain(status.openings.iter().filter_map(stopped)).collect()
}

fn why(lane: &LaneView) -> Option<String> {
    if let Some(blocked) = &lane.blocked {
        return Some(format!("{} is blocked: {}", lane.lane, blocked.message));
    }
    lane.paused.as_ref().map(|_| format!("{} is paused", lane.lane))
}

/// What matters most comes first: a narrow terminal shows no more.
fn counts(jobs: &StateCounts) -> String {
    let in_flight = jobs.of(JobState::Exporting) + jobs.of(JobState::Submitting);
    let states = [
        ("done", jobs.of(JobState::Succeeded)),
        ("failed", jobs.of(JobState::Failed)),
        ("cancelled", jobs.of(JobState::Cancelled)),
        ("in review", jobs.of(JobState::NeedsReview)),
        ("unknown", jobs.of(JobState::Unknown)),
        ("in flight", in_flight),
        ("queued", jobs.of(JobState::Queued)),
    ];
    let parts = states.iter().filter(|(word, count)| *count > 0 || *word == "done");
    parts.map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_name_what_is_there() {
        let jobs =
            [(JobState::Succeeded, 29), (JobState::Failed, 1), (JobState::Submitting, 2), (JobState::Exporting, 3)];
        assert_eq!(counts(&jobs.into_iter().collect()), "29 done, 1 failed, 5 in flight");
        assert_eq!(counts(&StateCounts::default()), "0 done");
    }
}
