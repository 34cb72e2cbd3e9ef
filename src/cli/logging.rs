//! Where the log goes: stderr, never stdout, never between the lines of a progress display.

use clap::ValueEnum;
use indicatif::MultiProgress;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum LogFormat {
    /// One line for a person.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// Whether to colour what goes to a stream.
    #[must_use]
    pub(super) fn wanted(self, stream: &impl IsTerminal, no_color: bool) -> bool {
        match self {
            Self::Auto => !no_color && stream.is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Writes to stderr above whatever progress is shown there.
#[derive(Clone)]
struct AboveProgress(MultiProgress);

impl Write for AboveProgress {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveProgress {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Sets the log up, once. `level` is the least that is told of Snapferry; of its libraries only warnings are.
pub(super) fn set_up(level: &str, format: LogFormat, coloured: bool, progress: &MultiProgress) {
    let filter = EnvFilter::try_new(format!("warn,snapferry={level},sqlx=error,aws=error"))
        .unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(AboveProgress(progress.clone()));
    // A second set-up, in a test that runs a command in its own process, is no trouble.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(coloured).try_init(),
        LogFormat::Json => builder.with_ansi(false).json().flatten_event(true).try_init(),
    };
}
