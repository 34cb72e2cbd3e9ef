//! One lane's parts, composed.

use crate::clock::SharedClock;
use crate::domain::{Lane, RunId};
use crate::lightsail::{Lightsail, Limited, RateLimiter};
use crate::queue::{LaneRecord, LaneWaker, Queue};
use crate::settings::LaneSettings;
use crate::tracking::Tracker;
use crate::worker::{Dispatcher, RateLimiters};
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
    let settings = Arc::new(settings.clone());
    let dispatcher = Dispatcher::new(
        queue.clone(),
        Arc::clone(&client),
        RateLimiters { exports, reads },
        Arc::clone(&clock),
        run,
        record.clone(),
        Arc::clone(&settings),
    );
    let tracker = Tracker::new(queue, client, clock, run, record, settings);
    LaneParts { dispatcher, tracker, wakes }
}
