//! 2,000 exports under a rate limit, by the real daemon; and what its calls came to.

use super::ferry::{Ferry, succeed};
use super::ideal::{Schedule, last_end, taken_at};
use super::service::{BURST, Service};
use crate::figure::{Outcome, Pair};
use snapferry::clock::{Clock as _, SystemClock};
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

const EXPORTS: usize = 2000;

/// Exports by which a lane comes to know its rate, in a daemon of their own before that which is measured.
const LEARNING: usize = 40;

/// The rate is known, and the lane's burst is below the service's.
const KNOWN: &str = "\
[export]
rate = 20
burst = 8
max_in_flight = 1000000
[read]
rate = 50
burst = 20
[poll]
min = \"250ms\"
";

/// The ceilings are ten times what the service takes at the start.
const UNKNOWN: &str = "\
[export]
rate = 200
burst = 10
max_in_flight = 1000000
[read]
rate = 50
burst = 20
[poll]
min = \"250ms\"
";

const CONSTANT: [(f64, f64); 1] = [(0.0, 20.0)];
const HALVES_AND_DOUBLES: [(f64, f64); 3] = [(0.0, 20.0), (30.0, 10.0), (60.0, 20.0)];

/// The most of the calls that may be throttled.
const THROTTLED: f64 = 0.03;

/// Runs that were measured already, by their number: two figures are of the same runs.
static UNKNOWN_RUNS: Mutex<Option<HashMap<usize, Run>>> = Mutex::new(None);

/// What a run came to.
#[derive(Debug, Clone, Copy)]
struct Run {
    seconds: f64,
    ideal: f64,
    calls: usize,
    throttled: usize,
}

impl Run {
    fn note(self) -> String {
        format!("{} calls, {} throttled", self.calls, self.throttled)
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousand calls")]
    fn share_throttled(self) -> f64 {
        self.throttled as f64 / self.calls as f64
    }
}

pub(crate) fn rate_known(folder: &Path, run: usize) -> Outcome {
    let came = measure(folder, run, (KNOWN, LEARNING), &CONSTANT)?;
    Ok(Pair { ours: came.seconds, theirs: came.ideal, unit: "s", note: came.note(), kept: came.throttled == 0 })
}

pub(crate) fn rate_unknown(folder: &Path, run: usize) -> Outcome {
    let came = measure_unknown(folder, run)?;
    let kept = came.share_throttled() <= THROTTLED;
    Ok(Pair { ours: came.seconds, theirs: came.ideal, unit: "s", note: came.note(), kept })
}

pub(crate) fn calls_per_export(folder: &Path, run: usize) -> Outcome {
    let came = measure_unknown(folder, run)?;
    #[expect(clippy::cast_precision_loss, reason = "some thousand calls")]
    let (ours, theirs) = (came.calls as f64, EXPORTS as f64);
    Ok(Pair { ours, theirs, unit: "calls", note: came.note(), kept: true })
}

fn measure_unknown(folder: &Path, run: usize) -> Result<Run, Box<dyn Error>> {
    let mut runs = UNKNOWN_RUNS.lock().map_err(|_| "an earlier run ended in a panic")?;
    let runs = runs.get_or_insert_default();
    if let Some(known) = runs.get(&run) {
        return Ok(*known);
    }
    let came = measure(folder, run, (UNKNOWN, 0), &HALVES_AND_DOUBLES)?;
    runs.insert(run, came);
    Ok(came)
}

/// Measures a run that is preceded by `learning` exports.
fn measure(
    folder: &Path,
    run: usize,
    (settings, learning): (&str, usize),
    schedule: &Schedule,
) -> Result<Run, Box<dyn Error>> {
    let first = schedule.first().ok_or("a schedule without a limit")?;
    let seed = u64::try_from(run)? + 1;
    let service = Service::start(EXPORTS + learning, first.1, seed)?;
    let ferry = Ferry::new(folder, service.endpoint(), settings)?;
    if learning > 0 {
        ferry.enqueue(1..=learning)?;
        succeed("daemon --drain", ferry.drain()?)?;
    }
    let earlier = service.calls().len();
    ferry.enqueue(learning + 1..=learning + EXPORTS)?;
    let began = SystemClock::new();
    let mut daemon = ferry.drain()?;
    for (at, rate) in schedule.iter().skip(1) {
        std::thread::sleep(Duration::from_secs_f64(*at).saturating_sub(began.elapsed()));
        if daemon.try_wait()?.is_some() {
            return Err("the daemon ended before the limit had changed".into());
        }
        service.take(*rate)?;
    }
    succeed("daemon --drain", daemon)?;
    let seconds = began.elapsed().as_secs_f64();

    let ledger = service.ledger();
    if (ledger.exports, ledger.duplicates) != (learning + EXPORTS, 0) {
        return Err(format!("{} exports, {} duplicates", ledger.exports, ledger.duplicates).into());
    }
    let lasting = service.durations(earlier)?;
    let calls = service.calls().len() - earlier;
    let ideal = last_end(&taken_at(schedule, BURST, lasting.len()), &lasting);
    Ok(Run { seconds, ideal, calls, throttled: ledger.throttled })
}
