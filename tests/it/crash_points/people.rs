//! What people do, as processes that die in the middle of it.

use super::recipes::By;
use super::scene::Scene;
use crate::world::eventually;
use snapferry::domain::JobState;
use snapferry::points::Point;
use snapferry::queue::{EntryKey, Queue, Selector};

/// A command of a person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Cancel,
    Pause,
    Resume,
    PausePlace,
    ResumePlace,
    Retry,
    SendAgain,
    Adopt,
    Fail,
}

impl Deed {
    /// The snapshots that it is for.
    pub(super) const fn sort(self) -> &'static str {
        match self {
            Self::Cancel => "called-off",
            Self::Pause | Self::Resume | Self::PausePlace | Self::ResumePlace => "plain",
            Self::Retry => "missing",
            Self::SendAgain => "sent-again",
            Self::Adopt => "twice-lost",
            Self::Fail => "marked-failed",
        }
    }

    /// Where a daemon has to have brought the job before; nothing where it is done before any daemon comes.
    pub(super) const fn after(self) -> Option<JobState> {
        match self {
            Self::Cancel | Self::Pause | Self::Resume | Self::PausePlace | Self::ResumePlace => None,
            Self::Retry => Some(JobState::Failed),
            Self::SendAgain | Self::Adopt | Self::Fail => Some(JobState::NeedsReview),
        }
    }
}

impl Scene {
    /// Brings a snapshot in, and its job to where the command is for it; the command.
    pub(super) async fn prepare_deed(&mut self, deed: Deed) -> Vec<String> {
        self.enqueue(&[deed.sort()], None).await;
        let name = self.enqueued.last().expect("a snapshot").name.clone();
        let batch = format!("batch-{}", self.batches.len() - 1);
        if deed.after().is_some() {
            self.run(&["daemon", "--drain"], &[0, 3]).await;
        }
        let of =
            |command: &str, option: &str, value: &str| [command, option, value, "--yes"].map(str::to_owned).to_vec();
        match deed {
            Deed::Cancel => of("cancel", "--name", &name),
            Deed::Pause => of("pause", "--name", &name),
            Deed::PausePlace => of("pause", "--batch", &batch),
            Deed::Retry => of("retry", "--name", &name),
            Deed::Resume => {
                self.run(&["pause", "--name", &name, "--yes"], &[0]).await;
                of("resume", "--name", &name)
            }
            Deed::ResumePlace => {
                self.run(&["pause", "--batch", &batch, "--yes"], &[0]).await;
                of("resume", "--batch", &batch)
            }
            Deed::SendAgain | Deed::Adopt | Deed::Fail => {
                if deed == Deed::Adopt {
                    self.wait_for_a_record(&name).await;
                }
                let (job, record) = self.to_be_resolved(&name, deed.after()).await;
                let mut command = vec!["resolve".to_owned(), job];
                command.extend(match deed {
                    Deed::SendAgain => vec!["--send-again".to_owned()],
                    Deed::Fail => vec!["--fail".to_owned()],
                    Deed::Cancel
                    | Deed::Pause
                    | Deed::Resume
                    | Deed::PausePlace
                    | Deed::ResumePlace
                    | Deed::Retry
                    | Deed::Adopt => {
                        vec!["--adopt".to_owned(), record.expect("a record")]
                    }
                });
                command
            }
        }
    }

    /// A daemon that stays sees how the exports of a job in review end.
    async fn wait_for_a_record(&mut self, name: &str) {
        let state = Deed::Adopt.after();
        if self.to_be_resolved(name, state).await.1.is_some() {
            return;
        }
        let mut child = self.start(&["daemon"], &[]);
        eventually("a record of what waits for a person", || async {
            self.to_be_resolved(name, state).await.1.is_some()
        })
        .await;
        child.kill().expect("killed");
        child.wait().expect("gone");
    }

    /// The job of that name, and a record of it that is done.
    async fn to_be_resolved(&self, name: &str, state: Option<JobState>) -> (String, Option<String>) {
        let queue = Queue::open(&self.database()).await.expect("a database");
        let jobs = queue.jobs_page(&Selector::default(), None, 10_000).await.expect("jobs");
        let job = jobs.into_iter().find(|job| job.snapshot_name.as_str() == name).expect("a job");
        assert_eq!(Some(job.state), state, "{name}: {:#?}", self.story);
        let evidence = queue.evidence(job.id).await.expect("a read").expect("a job");
        let record = evidence.entries.into_iter().find_map(|entry| match entry.sighting.key {
            EntryKey::Record(arn) if entry.sighting.destination.is_some() => Some(arn.as_str().to_owned()),
            EntryKey::Record(_) | EntryKey::Operation(_) => None,
        });
        queue.close().await;
        (job.id.to_string(), record)
    }
}

/// The command that gets to a point, where it is a person's.
pub(super) fn deed_at(point: Point) -> Option<Deed> {
    if let By::Person(deed) = By::of(point) { Some(deed) } else { None }
}
