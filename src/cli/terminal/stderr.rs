//! Standard error, written by its own thread: a writer never waits long for the reader, and never fails. Lines that cannot
//! be written are dropped and counted.

use console::Term;
use indicatif::ProgressDrawTarget;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that may wait to be written.
const MOST: usize = 256 << 10;
/// With more bytes waiting, the progress display is not drawn.
const MOST_FOR_DRAWING: usize = 32 << 10;
/// How long a note waits to be written, so that it comes before the results that follow it.
const IN_ORDER: Duration = Duration::from_millis(200);
/// How long the end waits for a reader, and how often it does so while the reader makes progress.
const AT_THE_END: (Duration, u32) = (Duration::from_secs(2), 5);

/// Drawings per second, the default of `indicatif`.
const DRAWN: u8 = 20;

/// Writes to standard error without waiting. Each write is one or more whole lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stderr;

static LINES: LazyLock<&'static LineBuffer> = LazyLock::new(|| {
    let lines: &'static LineBuffer = Box::leak(Box::default());
    let report = |lost| tracing::warn!(lost, "lines were lost because standard error could not be written");
    // Without the thread all lines are lost, but the work goes on.
    let _ = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || lines.keep_writing(write_out, report));
    lines
});

/// Waits until everything is written, as long as somebody reads it.
pub(crate) fn finish() {
    let (patience, times) = AT_THE_END;
    for _ in 0..times {
        let before = LINES.lock().written;
        if LINES.settle(patience) || LINES.lock().written == before {
            return;
        }
    }
}

/// A progress display on standard error, if that is a terminal.
pub(crate) fn display() -> ProgressDrawTarget {
    ProgressDrawTarget::term(Term::read_write_pair(io::stdin(), Display), DRAWN)
}

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.push(bytes.to_vec(), MOST);
        Ok(bytes.len())
    }

    /// Waits a little, unless the last wait was in vain.
    fn flush(&mut self) -> io::Result<()> {
        if !LINES.lock().stuck {
            LINES.settle(IN_ORDER);
        }
        Ok(())
    }
}

/// What waits to be written.
#[derive(Debug, Default)]
struct LineBuffer {
    state: Mutex<BufferState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct BufferState {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    writing: bool,
    /// Whether a wait has timed out since the last successful write.
    stuck: bool,
    written: u64,
    lost: u64,
    reported: u64,
}

impl LineBuffer {
    fn lock(&self) -> MutexGuard<'_, BufferState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, text: Vec<u8>, most: usize) {
        let mut state = self.lock();
        if state.bytes + text.len() > most {
            state.lost += 1;
            return;
        }
        state.bytes += text.len();
        state.waiting.push_back(text);
        self.changed.notify_all();
    }

    /// Waits for everything to be written; whether it was, in time.
    fn settle(&self, patience: Duration) -> bool {
        let busy = |state: &mut BufferState| state.writing || !state.waiting.is_empty();
        let waited = self.changed.wait_timeout_while(self.lock(), patience, busy);
        let (mut state, ended) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stuck |= ended.timed_out();
        !ended.timed_out()
    }

    /// Writes line after line. When writing works again, `report` gets the number of lines lost so far.
    fn keep_writing(&self, mut write: impl FnMut(&[u8]) -> io::Result<()>, report: impl Fn(u64)) {
        loop {
            let waited = self.changed.wait_while(self.lock(), |state| state.waiting.is_empty());
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            let Some(text) = state.waiting.pop_front() else { continue };
            state.writing = true;
            drop(state);
            let written = write(&text).is_ok();
            let mut state = self.lock();
            if written && state.lost > state.reported {
                state.reported = state.lost;
                let lost = state.lost;
                drop(state);
                report(lost);
                state = self.lock();
            }
            state.bytes -= text.len();
            state.writing = false;
            state.stuck &= !written;
            state.written += u64::from(written);
            state.lost += u64::from(!written);
            self.changed.notify_all();
        }
    }
}

/// Writes without the standard library's lock: a blocked write must not block others that take it.
fn write_out(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(io::stderr(), bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            // Another process that shares it has made it non-blocking.
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The terminal of a progress display.
#[derive(Debug)]
struct Display;

impl Write for Display {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.push(bytes.to_vec(), MOST_FOR_DRAWING);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsRawFd for Display {
    fn as_raw_fd(&self) -> RawFd {
        io::stderr().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A buffer whose writes end as the test says, and what came of them.
    fn lines() -> (&'static LineBuffer, Sender<bool>, Receiver<String>) {
        let lines: &'static LineBuffer = Box::leak(Box::default());
        let (end, ends) = channel::<bool>();
        let (said, seen) = channel();
        let told = said.clone();
        let write = move |bytes: &[u8]| {
            if !ends.recv().expect("an end") {
                return Err(io::ErrorKind::StorageFull.into());
            }
            said.send(String::from_utf8_lossy(bytes).into_owned()).expect("a test");
            Ok(())
        };
        std::thread::spawn(move || {
            lines.keep_writing(write, |lost| {
                told.send(format!("{lost} lost")).expect("a test");
            });
        });
        (lines, end, seen)
    }

    #[test]
    fn what_cannot_be_written_is_dropped_and_its_number_told_once_something_can() {
        let (lines, end, seen) = lines();
        for line in ["one", "two", "three", "four"] {
            lines.push(line.into(), MOST);
        }
        for written in [false, false, true, true] {
            end.send(written).expect("it writes");
        }
        let seen: Vec<String> = (0..3).map(|_| seen.recv().expect("a line")).collect();
        assert_eq!(seen, ["three", "2 lost", "four"]);
    }

    #[test]
    fn where_nobody_reads_so_much_waits_and_no_more_and_nobody_waits_twice() {
        let (lines, end, seen) = lines();
        for _ in 0..4 {
            lines.push(vec![b'x'; 40], 100);
        }
        assert!(!lines.settle(Duration::from_millis(1)) && lines.lock().stuck);
        let (lost, bytes) = {
            let state = lines.lock();
            (state.lost, state.bytes)
        };
        assert_eq!((lost, bytes), (2, 80));
        for _ in 0..2 {
            end.send(true).expect("it writes");
        }
        assert!(lines.settle(Duration::from_mins(1)) && !lines.lock().stuck);
        assert_eq!((seen.recv().expect("a line").len(), seen.recv().expect("a line")), (40, "2 lost".to_owned()));
    }
}
