//! Where the log goes: stderr, never stdout, never between the lines of a progress display.

use crate::cli::terminal::stderr::Stderr;
use clap::{ColorChoice, ValueEnum};
use indicatif::MultiProgress;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::EnvFilter;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Whether to colour what goes to a stream.
pub(crate) fn is_coloured(choice: ColorChoice, stream: &impl IsTerminal, no_color: bool) -> bool {
    match choice {
        ColorChoice::Auto => !no_color && stream.is_terminal(),
        ColorChoice::Always => true,
        ColorChoice::Never => false,
    }
}

/// Writes to stderr, above the progress display.
struct AboveProgress(MultiProgress);

impl Write for AboveProgress {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| Stderr.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        Stderr.flush()
    }
}

/// Sets up the log, once. `level` is the lowest level for Snapferry; its libraries log warnings.
pub(crate) fn set_up(level: &str, format: LogFormat, coloured: bool, progress: &MultiProgress) {
    let filter = EnvFilter::try_new(format!("warn,snapferry={level},sqlx=error,aws=error"))
        .unwrap_or_else(|_| EnvFilter::new("warn"));
    let progress = progress.clone();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(move || AboveProgress(progress.clone()));
    // The standard library's hook waits until standard error is read.
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::capture();
        let captured = trace.status() == std::backtrace::BacktraceStatus::Captured;
        tracing::error!("{panic}{}", if captured { format!("\n{trace}") } else { String::new() });
    }));
    // A test may run a second command in its own process.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(coloured).try_init(),
        LogFormat::Json => builder.with_ansi(false).json().flatten_event(true).try_init(),
    };
}
