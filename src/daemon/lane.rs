//! One lane's parts, composed.

use crate::clock::SharedClock;
use crate::domain::{Lane, RunId};
use crate::lightsail::{Lightsail, Limited, RateLimiter};
use crate::queue::{LaneRecord, LaneWaker, Queue};
use crate::settings::LaneSettings;
use crate::tracking::{Tracker, TrackerSettings};
use crate::worker::{Dispatcher, RateLimiters, WorkerSettings};
use std::sync::Arc;

/// Connects to a lane's Lightsail: the AWS client, or one for a test or a rehearsal.
pub type Connect = Arc<dyn Fn(&Lane, &LaneSettings) -> Arc<dyn Lightsail> + Send + Sync>;

/// A lane's parts, which do nothing until they are driven.
pub struct LaneParts {
    /// Sends.
    pub dispatcher: Dispatcher,
    /// Follows exports.
    pub tracker: Tracker,
    /// Wakes the two.
    pub wakes: LaneWaker,
}

/// Composes a lane's parts.
pub fn compose(
    queue: Queue,
    clock: SharedClock,
    connect: &Connect,
    run: RunId,
    record: LaneRecord,
    settings: &LaneSettings,
) -> LaneParts {
    let wakes = queue.wakes(record.id);
    let exports =
        RateLimiter::new(settings.export.rate, settings.export.burst, record.learned_rate, Arc::clone(&clock));
    // Reads start at their ceiling: they have no effect, and a throttled page is requested again.
    let read_rate = record.learned_read_rate.or(Some(settings.read.rate));
    let reads = RateLimiter::new(settings.read.rate, settings.read.burst, read_rate, Arc::clone(&clock));
    let client: Arc<dyn Lightsail> = Arc::new(Limited::new(connect(&record.lane, settings), reads.clone()));
    let dispatcher = Dispatcher::new(
        queue.clone(),
        Arc::clone(&client),
        RateLimiters { exports, reads },
        Arc::clone(&clock),
        run,
        record.clone(),
        WorkerSettings {
            retry: settings.export.retry(),
            max_in_flight: u64::from(settings.export.max_in_flight),
            probe: settings.lane.probe,
            give_up: settings.poll.give_up,
            first_poll: settings.poll.min,
            breaker: settings.breaker.clone(),
        },
    );
    let tracker = Tracker::new(
        queue,
        client,
        clock,
        run,
        record,
        TrackerSettings {
            retry: settings.export.retry(),
            poll_min: settings.poll.min,
            poll_max: settings.poll.max,
            give_up: settings.poll.give_up,
            settle: settings.reconcile.settle,
            looks: settings.reconcile.looks,
            attempt_timeout: settings.export.attempt_timeout,
            probe: settings.lane.probe,
            max_in_flight: u64::from(settings.export.max_in_flight),
        },
    );
    LaneParts { dispatcher, tracker, wakes }
}
