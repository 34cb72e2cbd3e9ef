//! Live progress of a batch: a bar on a terminal, a plain line now and then where there is none. On stderr.

use super::screen::note;
use crate::clock::{SharedClock, Stop, stopped};
use crate::domain::{BatchName, JobState, Timestamp};
use crate::queue::{BatchView, LaneView, Queue, QueueError, Trip};
use crate::report::{stopped_place, what_next};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;

/// How often the bar is drawn.
const DRAW: Duration = Duration::from_millis(500);

/// How often a plain line is written, at most.
const LINE: Duration = Duration::from_secs(5);

/// The time over which a rate is taken: long enough for a lane's exports to end several times.
const WINDOW: Duration = Duration::from_mins(1);

/// Follows a batch until `stop` says so.
///
/// # Errors
/// [`QueueError`] when the database cannot be read.
pub(super) async fn show(
    queue: Queue,
    batch: BatchName,
    clock: SharedClock,
    progress: MultiProgress,
    mut stop: Stop,
) -> Result<(), QueueError> {
    let terminal = std::io::stderr().is_terminal();
    let bar = terminal.then(|| progress.add(bar()));
    let mut pace = Pace::default();
    let mut told = String::new();
    loop {
        if let Some(view) = queue.batch(&batch).await? {
            let seen = Seen::of(&view);
            pace.note(clock.elapsed(), seen.ended);
            let line = seen.line(pace.left(seen.total.saturating_sub(seen.ended)), pace.rate());
            if let Some(bar) = &bar {
                bar.set_length(seen.total);
                bar.set_position(seen.ended);
                bar.set_message(line);
                let held = held(&queue, clock.now()).await?;
                bar.set_prefix(if held.is_empty() { held } else { format!("\n  {held}") });
            } else if line != told {
                note(&format!("{batch}: {line}"));
                told = line;
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

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:14} {percent:>3}%  {wide_msg}{prefix}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ");
    ProgressBar::new(0).with_style(style)
}

/// What holds lanes back, in one line.
async fn held(queue: &Queue, now: Timestamp) -> Result<String, QueueError> {
    let lanes = queue.lanes(None).await?;
    let mut held: Vec<String> = lanes.iter().filter_map(why).collect();
    held.extend(stopped_places(queue, &lanes, now).await?);
    Ok(held.join("; "))
}

/// What has stopped by itself, and what comes next.
async fn stopped_places(queue: &Queue, lanes: &[LaneView], now: Timestamp) -> Result<Vec<String>, QueueError> {
    let line = |trip: &Trip| {
        let lane = &lanes.iter().find(|lane| lane.id == trip.lane)?.lane;
        Some(format!("{} has stopped by itself: {}; {}", stopped_place(trip, lane), trip.cause, what_next(trip, now)))
    };
    Ok(queue.trips(None).await?.iter().filter_map(line).collect())
}

fn why(lane: &LaneView) -> Option<String> {
    if let Some(blocked) = &lane.blocked {
        return Some(format!(
            "{} is blocked: {}",
            lane.lane,
            blocked.message.as_deref().unwrap_or(blocked.code.as_str())
        ));
    }
    lane.paused.as_ref().map(|_| format!("{} is paused", lane.lane))
}

/// A batch's jobs at a moment.
struct Seen {
    total: u64,
    ended: u64,
    states: Vec<(&'static str, u64)>,
}

impl Seen {
    fn of(view: &BatchView) -> Self {
        let jobs = view.jobs.plus(&view.shared);
        let of = |state: JobState| jobs.of(state);
        let states = vec![
            ("done", of(JobState::Succeeded)),
            ("failed", of(JobState::Failed)),
            ("cancelled", of(JobState::Cancelled)),
            ("in review", of(JobState::NeedsReview)),
            ("unknown", of(JobState::Unknown)),
            ("in flight", of(JobState::Exporting) + of(JobState::Submitting)),
            ("queued", of(JobState::Queued)),
        ];
        let ended = jobs.total().saturating_sub(jobs.live()).saturating_add(of(JobState::NeedsReview));
        Self { total: jobs.total(), ended, states }
    }

    /// What matters most comes first: a narrow terminal shows no more.
    fn line(&self, left: Option<Duration>, rate: Option<f64>) -> String {
        let left = left.map(|left| format!("{} left: ", roughly(left))).unwrap_or_default();
        let mut parts: Vec<String> = self
            .states
            .iter()
            .filter(|(word, count)| *count > 0 || *word == "done")
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        if let Some(rate) = rate {
            parts.push(if rate >= 1.0 { format!("{rate:.1}/s") } else { format!("{:.1}/min", rate * 60.0) });
        }
        format!("{left}{}", parts.join(", "))
    }
}

/// To the second below a minute, to the minute above.
fn roughly(left: Duration) -> humantime::FormattedDuration {
    let step = if left < Duration::from_mins(1) { 1 } else { 60 };
    humantime::format_duration(Duration::from_secs(left.as_secs() / step * step))
}

/// How fast jobs end.
#[derive(Default)]
struct Pace {
    seen: VecDeque<(Duration, u64)>,
}

impl Pace {
    fn note(&mut self, at: Duration, ended: u64) {
        self.seen.push_back((at, ended));
        while self.seen.len() > 2 && self.seen.front().is_some_and(|(first, _)| at.saturating_sub(*first) > WINDOW) {
            self.seen.pop_front();
        }
    }

    /// Jobs that end in a second; nothing before the first has.
    fn rate(&self) -> Option<f64> {
        let ((from, before), (to, after)) = (self.seen.front()?, self.seen.back()?);
        let span = to.saturating_sub(*from).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let ended = after.saturating_sub(*before) as f64;
        (span > 0.0 && ended > 0.0).then(|| ended / span)
    }

    fn left(&self, jobs: u64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
        let seconds = jobs as f64 / self.rate()?;
        (jobs > 0 && seconds.is_finite()).then(|| Duration::from_secs_f64(seconds.min(1e9)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_tells_when_it_will_be_done() {
        let mut pace = Pace::default();
        pace.note(Duration::ZERO, 0);
        assert_eq!((pace.rate(), pace.left(10)), (None, None));
        pace.note(Duration::from_secs(10), 20);
        assert_eq!(pace.rate(), Some(2.0));
        assert_eq!(pace.left(10), Some(Duration::from_secs(5)));
        assert_eq!(pace.left(0), None);
    }

    #[test]
    fn a_line_begins_with_the_time_that_is_left() {
        let seen =
            Seen { total: 120, ended: 30, states: vec![("done", 29), ("failed", 1), ("unknown", 0), ("queued", 90)] };
        assert_eq!(seen.line(None, None), "29 done, 1 failed, 90 queued");
        let line = |left| seen.line(Some(Duration::from_secs(left)), Some(0.6));
        assert_eq!(line(59), "59s left: 29 done, 1 failed, 90 queued, 36.0/min");
        assert_eq!(line(3725), "1h 2m left: 29 done, 1 failed, 90 queued, 36.0/min");
    }

    #[test]
    fn only_what_was_lately_counts() {
        let mut pace = Pace::default();
        for second in 0..200 {
            pace.note(Duration::from_secs(second), if second < 100 { second * 10 } else { 1000 });
        }
        assert_eq!(pace.rate(), None);
    }
}
