//! Where the log goes: stderr, never stdout, never between the lines of a progress display.

use crate::cli::terminal::stderr::Stderr;
use clap::ValueEnum;
use indicatif::MultiProgress;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(in crate::cli) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(in crate::cli) enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl From<ColourChoice> for clap::ColorChoice {
    fn from(colour: ColourChoice) -> Self {
        match colour {
            ColourChoice::Auto => Self::Auto,
            ColourChoice::Always => Self::Always,
            ColourChoice::Never => Self::Never,
        }
    }
}

impl ColourChoice {
    /// What the command line asks for, read before it is parsed.
    pub(in crate::cli) fn asked(words: &[OsString]) -> Self {
        let mut asked = None;
        for (place, word) in words.iter().enumerate() {
            let text = word.to_string_lossy();
            let value = match text.strip_prefix("--color") {
                Some("") => words.get(place + 1).map(|next| next.to_string_lossy().into_owned()),
                Some(rest) => rest.strip_prefix('=').map(ToOwned::to_owned),
                None => None,
            };
            asked = asked.or_else(|| Self::from_str(&value?, false).ok());
        }
        asked.unwrap_or_default()
    }

    /// Whether to colour what goes to a stream.
    pub(in crate::cli) fn wanted(self, stream: &impl IsTerminal, no_color: bool) -> bool {
        match self {
            Self::Auto => !no_color && stream.is_terminal(),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// Writes to stderr, above the progress display.
#[derive(Clone)]
struct AboveProgress(MultiProgress);

impl Write for AboveProgress {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| Stderr.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        Stderr.flush()
    }
}

impl<'a> MakeWriter<'a> for AboveProgress {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Sets up the log, once. `level` is the lowest level for Snapferry; its libraries log warnings.
pub(in crate::cli) fn set_up(level: &str, format: LogFormat, coloured: bool, progress: &MultiProgress) {
    let filter = EnvFilter::try_new(format!("warn,snapferry={level},sqlx=error,aws=error"))
        .unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(AboveProgress(progress.clone()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_known_before_the_command_line_is() {
        let asked = |line: &str| ColourChoice::asked(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(asked("snapferry status"), ColourChoice::Auto);
        assert_eq!(asked("snapferry --color never doctor --help"), ColourChoice::Never);
        assert_eq!(asked("snapferry nonsense --color=always"), ColourChoice::Always);
        assert_eq!(asked("snapferry --color pink --colours never --color"), ColourChoice::Auto);
    }
}
