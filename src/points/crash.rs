//! Dying at a point, for whoever asks for it through the environment.

use super::point::Point;

/// Says that the process is at `point`. In a build with debug assertions that was started with these variables, it dies
/// there as by `kill -9`: `CRASH_AT` names the point, `CRASH_NTH` says at which time that it is reached (1, where nothing
/// is said), and the file `CRASH_MARK` is made first, with the point's name in it. Where `CRASH_WHEN` names a file, times
/// before that is there do not count.
#[inline]
pub fn reached(point: Point) {
    #[cfg(debug_assertions)]
    armed::reached(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

#[cfg(debug_assertions)]
mod armed {
    use super::Point;
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Where to die.
    struct Crash {
        at: String,
        nth: u64,
        mark: PathBuf,
        when: Option<PathBuf>,
    }

    static CRASH: OnceLock<Option<Crash>> = OnceLock::new();
    static TIMES: AtomicU64 = AtomicU64::new(0);

    #[expect(clippy::disallowed_methods, reason = "where to die is no setting: it is for tests of this build alone")]
    fn asked_for() -> Option<Crash> {
        let at = std::env::var("CRASH_AT").ok()?;
        let nth = std::env::var("CRASH_NTH").ok().and_then(|nth| nth.parse().ok()).unwrap_or(1);
        let mark = PathBuf::from(std::env::var_os("CRASH_MARK")?);
        Some(Crash { at, nth, mark, when: std::env::var_os("CRASH_WHEN").map(PathBuf::from) })
    }

    pub(super) fn reached(point: Point) {
        let Some(crash) = CRASH.get_or_init(asked_for) else { return };
        let early = || crash.when.as_ref().is_some_and(|when| !when.exists());
        if crash.at != point.to_string() || early() || TIMES.fetch_add(1, Ordering::SeqCst) + 1 != crash.nth {
            return;
        }
        // Not synced: a kill loses nothing that was written, and the other threads run on meanwhile.
        if let Err(error) = std::fs::write(&crash.mark, &crash.at) {
            tracing::error!(%error, "the mark of a crash cannot be written");
            return;
        }
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
