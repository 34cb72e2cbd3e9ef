//! The progress of a self-test on stderr: a bar on a terminal, otherwise a plain line now and then.

use crate::cli::terminal::screen::{bar, note};
use crate::clock::SharedClock;
use indicatif::{MultiProgress, ProgressBar};
use std::cell::Cell;
use std::time::Duration;

/// The shortest interval of plain lines.
const LINE: Duration = Duration::from_secs(10);

/// The display.
pub(super) struct Progress {
    wanted: u32,
    bar: ProgressBar,
    clock: SharedClock,
    noted_at: Cell<Duration>,
}

impl Progress {
    pub(super) fn start(all: &MultiProgress, wanted: u32, clock: SharedClock) -> Self {
        let bar = bar(all, u64::from(wanted), "{bar:14} {pos}/{len} crashes");
        Self { wanted, bar, clock, noted_at: Cell::default() }
    }

    /// Shows the number of crashes so far.
    pub(super) fn show(&self, crashes: u32) {
        let (crashes, now) = (crashes.min(self.wanted), self.clock.elapsed());
        self.bar.set_position(u64::from(crashes));
        if self.bar.is_hidden() && now.saturating_sub(self.noted_at.get()) >= LINE {
            self.noted_at.set(now);
            note(&format!("{crashes} of {} crashes", self.wanted));
        }
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
