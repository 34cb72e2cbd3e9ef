//! The real binary, with a database and a configuration of its own.

use std::error::Error;
use std::fmt::Write as _;
use std::fs::File;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The Region of every snapshot here.
pub(crate) const REGION: &str = "eu-west-1";

/// Snapferry in a folder.
pub(crate) struct Ferry {
    folder: PathBuf,
    endpoint: String,
}

impl Ferry {
    /// One with these settings, whose Lightsail is at `endpoint`.
    pub(crate) fn new(folder: &Path, endpoint: String, settings: &str) -> Result<Self, Box<dyn Error>> {
        std::fs::write(folder.join("snapferry.toml"), settings)?;
        Ok(Self { folder: folder.to_owned(), endpoint })
    }

    /// Where its database is.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("queue.db")
    }

    /// Enqueues these snapshots of a generated fleet, by their numbers.
    pub(crate) fn enqueue(&self, numbers: RangeInclusive<usize>) -> Result<(), Box<dyn Error>> {
        let file = self.folder.join("snapshots.csv");
        let mut rows = "snapshot_name,region\n".to_owned();
        for number in numbers {
            writeln!(rows, "snap-{number:05},{REGION}")?;
        }
        std::fs::write(&file, rows)?;
        let mut enqueue = self.command("enqueue")?;
        succeed("enqueue", enqueue.arg(&file).spawn()?)
    }

    /// Starts a daemon that ends when the queue is drained.
    pub(crate) fn drain(&self) -> Result<Child, Box<dyn Error>> {
        Ok(self.command("daemon")?.arg("--drain").spawn()?)
    }

    fn command(&self, verb: &str) -> Result<Command, Box<dyn Error>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapferry"));
        command
            .arg(verb)
            .arg("--config")
            .arg(self.folder.join("snapferry.toml"))
            .arg("--database")
            .arg(format!("sqlite://{}", self.database().display()))
            .env("AWS_ENDPOINT_URL_LIGHTSAIL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "AKIASIM123456789012")
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .env("AWS_REGION", REGION)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(self.folder.join("log"))?);
        Ok(command)
    }
}

/// Waits for a command's end, which has to be a good one.
pub(crate) fn succeed(what: &str, mut child: Child) -> Result<(), Box<dyn Error>> {
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("{what} ended with {status}").into()) }
}
