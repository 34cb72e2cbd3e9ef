//! The progress of a self-test on stderr: a bar on a terminal, otherwise a plain line now and then.

use crate::clock::SharedClock;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

/// The shortest interval of plain lines.
const LINE: Duration = Duration::from_secs(10);

/// The display.
pub(super) struct Progress {
    wanted: u32,
    bar: Option<ProgressBar>,
    clock: SharedClock,
    seen: Mutex<LastNoted>,
}

/// What was shown last; each round counts from zero.
#[derive(Default)]
struct LastNoted {
    told_at: Duration,
    before: Counts,
    now: Counts,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    crashes: u32,
    exports: usize,
    calls: usize,
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            crashes: self.crashes + other.crashes,
            exports: self.exports + other.exports,
            calls: self.calls + other.calls,
        }
    }
}

impl Progress {
    pub(super) fn start(all: &MultiProgress, wanted: u32, clock: SharedClock) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:14} {pos}/{len} crashes  {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
            all.add(ProgressBar::new(u64::from(wanted)).with_style(style))
        });
        Self { wanted, bar, clock, seen: Mutex::default() }
    }

    /// Shows the counts of the round.
    pub(super) fn note(&self, crashes: u32, exports: usize, calls: usize) {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if calls < seen.now.calls {
            seen.before = seen.before.plus(seen.now);
        }
        seen.now = Counts { crashes, exports, calls };
        let all = seen.before.plus(seen.now);
        let line = format!("{} exports, {} calls", all.exports, all.calls);
        let now = self.clock.elapsed();
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(all.crashes.min(self.wanted)));
            bar.set_message(line);
        } else if now.saturating_sub(seen.told_at) >= LINE {
            seen.told_at = now;
            crate::cli::terminal::screen::note(&format!(
                "{} of {} crashes, {line}",
                all.crashes.min(self.wanted),
                self.wanted
            ));
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
