//! This program as a child process. No child outlives this process: an orderly end kills them, and any other end closes the
//! pipe that they read.

use super::fault_rules;
use anyhow::Context as _;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::{Child, Command};

/// How to start it.
#[derive(Debug)]
pub(super) struct Program {
    executable: PathBuf,
    folder: PathBuf,
    database: PathBuf,
    endpoint: String,
}

impl Program {
    pub(super) fn new(folder: &Path, database: &Path, endpoint: String) -> anyhow::Result<Self> {
        let executable = std::env::current_exe().context("this program's own file")?;
        Ok(Self { executable, folder: folder.to_owned(), database: database.to_owned(), endpoint })
    }

    /// Where the children's logs go.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("children.log")
    }

    /// Starts it with a pipe to its standard input.
    pub(super) fn start(&self, arguments: &[&str]) -> anyhow::Result<Child> {
        let log = self.open_log().context("cannot write the log of the children")?;
        let mut command = Command::new(&self.executable);
        // Ctrl-C at the terminal must reach this process only, so the children are in another group.
        command.args(arguments).env_clear().process_group(0).kill_on_drop(true);
        command
            .env("HOME", &self.folder)
            .env("SNAPFERRY_DATABASE", format!("sqlite://{}", self.database.display()))
            .env("AWS_ENDPOINT_URL_LIGHTSAIL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "AKIASIM123456789012")
            .env("AWS_SECRET_ACCESS_KEY", "selftest")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(fault_rules::settings());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        command.spawn().with_context(|| format!("cannot start {}", self.executable.display()))
    }

    fn open_log(&self) -> std::io::Result<File> {
        OpenOptions::new().create(true).append(true).open(self.log())
    }
}
