//! A database with a story in it, and commands run against it as the binary would.

use clap::Parser;
use snapferry::cli::{
    Asking, BackupArgs, CancelArgs, Exit, FailuresArgs, JobsArgs, PauseArgs, ReportArgs, ResolveArgs, ResumeArgs,
    RetryArgs, Screen, Session, ShowArgs, StatusArgs, WhyArgs,
};
use snapferry::clock::ManualClock;
use snapferry::domain::Timestamp;
use snapferry::queue::Queue;
use snapferry::report::{Colour, TextStyle};
use snapferry::settings::{Settings, Sources};
use sqlx::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

/// Ten minutes after the story began.
pub(crate) const NOW: &str = "2026-11-23T18:10:00Z";

pub(crate) struct Stored {
    pub(crate) folder: TempDir,
    pub(crate) queue: Queue,
}

pub(crate) struct Ran {
    pub(crate) result: anyhow::Result<Exit>,
    pub(crate) out: String,
    pub(crate) notes: String,
}

impl Ran {
    pub(crate) fn done(self) -> String {
        assert_eq!(self.result.expect("the command is done"), Exit::Done);
        self.out
    }

    pub(crate) fn refused(self) -> String {
        assert_eq!(self.out, "");
        let error = self.result.expect_err("the command is refused");
        assert!(error.is::<snapferry::cli::UsageError>(), "{error:?}");
        error.to_string()
    }
}

impl Stored {
    pub(crate) async fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = Queue::open(&folder.path().join("snapferry.db")).await.expect("a database");
        Self { folder, queue }
    }

    pub(crate) async fn story() -> Self {
        let stored = Self::empty().await;
        stored.sql(include_str!("stored.sql")).await;
        stored
    }

    /// A batch `many` of as many jobs, with a row each.
    pub(crate) async fn many(jobs: u32) -> Self {
        let stored = Self::empty().await;
        stored
            .sql(&format!(
                "INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1');
                 INSERT INTO batches (id, name, source, state, created_at, rows_read, rows_new, carried)
                 VALUES (1, 'many', 'many.csv', 'sealed', 1795456800000, {jobs}, {jobs}, '[\"number\"]');
                 WITH RECURSIVE n(i) AS (SELECT 1 WHERE {jobs} > 0 UNION ALL SELECT i + 1 FROM n WHERE i < {jobs})
                 INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
                 SELECT i, 1, 1, i + 1, 'snap-' || i, 0, 'adopt', 'queued', 1795456801000 FROM n;
                 INSERT INTO batch_rows (batch_id, line, job_id, disposition, carried)
                 SELECT 1, line, id, 'new', json_array(CAST(id AS TEXT)) FROM jobs;
                 INSERT INTO job_counts SELECT 1, 1, 'queued', {jobs}, {jobs} WHERE {jobs} > 0;"
            ))
            .await;
        stored
    }

    pub(crate) async fn sql(&self, sql: &str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.queue.path());
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("the rows");
        connection.close().await.expect("closed");
    }

    /// The defaults.
    pub(crate) fn settings(&self) -> Settings {
        let database = Some(format!("sqlite://{}", self.queue.path().display()));
        Settings::load(&Sources { database, ..Sources::default() }).expect("settings")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command line in a pipe.
    pub(crate) async fn run(&self, line: &[&str]) -> Ran {
        self.run_on(line, TextStyle::default()).await
    }

    /// Runs a command line on a terminal of that width.
    pub(crate) async fn run_wide(&self, line: &[&str], width: u16) -> Ran {
        self.run_on(line, TextStyle { width: Some(width), colour: Colour::Plain }).await
    }

    pub(crate) async fn run_on(&self, line: &[&str], look: TextStyle) -> Ran {
        self.run_asked(line, look, None).await
    }

    /// The same, with a person who answers.
    pub(crate) async fn run_asked(&self, line: &[&str], look: TextStyle, answer: Option<&str>) -> Ran {
        let words = std::iter::once("snapferry").chain(line.iter().copied());
        let command = Line::try_parse_from(words).expect("a command line").command;
        let (settings, clock) = (self.settings(), ManualClock::new(Timestamp::parse(NOW).expect("a time")));
        let mut answers = answer.unwrap_or_default().as_bytes();
        let asking = if answer.is_some() { Asking::Person(&mut answers) } else { Asking::Nobody };
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let screen = Screen { out: &mut out, notes: &mut notes, style: look, terminal: false };
        let session = Session { queue: &self.queue, settings: &settings, clock: &clock, person: "ada", screen, asking };
        let result = command.run(session).await;
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { result, out: text(out), notes: text(notes) }
    }
}

#[derive(Debug, clap::Parser)]
pub(crate) struct Line {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Report(ReportArgs),
    Status(StatusArgs),
    Jobs(JobsArgs),
    Failures(FailuresArgs),
    Show(ShowArgs),
    Why(WhyArgs),
    Retry(RetryArgs),
    Cancel(CancelArgs),
    Pause(PauseArgs),
    Resume(ResumeArgs),
    Resolve(ResolveArgs),
    Backup(BackupArgs),
}

impl Command {
    pub(crate) async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        match self {
            Self::Report(args) => args.run(session).await,
            Self::Status(args) => args.run(session, &std::cell::Cell::default()).await,
            Self::Jobs(args) => args.run(session).await,
            Self::Failures(args) => args.run(session).await,
            Self::Show(args) => args.run(session).await,
            Self::Why(args) => args.run(session).await,
            Self::Retry(args) => args.run(session).await,
            Self::Cancel(args) => args.run(session).await,
            Self::Pause(args) => args.run(session).await,
            Self::Resume(args) => args.run(session).await,
            Self::Resolve(args) => args.run(session).await,
            Self::Backup(args) => args.run(session).await,
        }
    }
}
