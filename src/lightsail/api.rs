//! The one trait through which Lightsail is called, and the plain data that comes back. No rules, no AWS types.

use super::CallError;
use crate::domain::{
    AccountNumber, Destination, EntryStatus, OperationId, RecordArn, SnapshotArn, SnapshotName, Timestamp, named,
};
use async_trait::async_trait;

/// A lane's Lightsail. Each method is exactly one request: never a retry, never more than one page.
#[async_trait]
pub trait Lightsail: Send + Sync + 'static {
    /// Starts an export. The one call that must never be made twice on a guess.
    async fn export_snapshot(&self, name: &SnapshotName) -> Result<Accepted, CallError>;

    /// One operation; `None` where Lightsail knows none of that id, which means unknown, not failed.
    async fn get_operation(&self, id: &OperationId) -> Result<Option<Operation>, CallError>;

    /// A page of the operations of one snapshot, or of the lane. A snapshot that is not found has none.
    async fn operations(
        &self,
        of: Option<&SnapshotName>,
        token: Option<PageToken>,
    ) -> Result<Page<Operation>, CallError>;

    /// A page of the lane's export records.
    async fn export_records(&self, token: Option<PageToken>) -> Result<Page<ExportRecord>, CallError>;

    /// A page of the lane's snapshots of that kind.
    async fn snapshots(&self, kind: SnapshotKind, token: Option<PageToken>) -> Result<Page<Snapshot>, CallError>;

    /// One snapshot by its name; `None` where Lightsail has none of that name and kind.
    async fn snapshot(&self, name: &SnapshotName, kind: SnapshotKind) -> Result<Option<Snapshot>, CallError>;

    /// Says which account exports may be made in, once it was compared with what the lane has been so far; none where nothing
    /// shows one. A client whose credentials may change exports nothing before, and with none that are of another account.
    fn expect_account(&self, _account: Option<AccountNumber>) {}
}

/// Where the next page begins; opaque.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PageToken(String);

/// One page of a list. The order means nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The next one, unless this is the last.
    pub next: Option<PageToken>,
}

/// The answer to an export that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// All operations of the answer that carry an id; there may be none, and there may be several.
    pub operations: Vec<Operation>,
    /// The id of the request at AWS.
    pub request_id: Option<String>,
}

/// A piece of Lightsail's asynchronous work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// `ExportSnapshot` for ours; empty where the service did not say.
    pub kind: String,
    /// The name of what it works on.
    pub resource_name: Option<String>,
    /// How far it is.
    pub status: EntryStatus,
    /// When it was created; orders candidates, decides nothing.
    pub created_at: Option<Timestamp>,
    /// Why it failed, as a code.
    pub error_code: Option<String>,
    /// Why it failed, in words.
    pub error_details: Option<String>,
}

/// An export snapshot record: Lightsail's lasting note of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRecord {
    /// What identifies it: its ARN, or its name where the service gave no ARN.
    pub arn: RecordArn,
    /// Its name, which `CreateCloudFormationStack` takes.
    pub name: Option<String>,
    /// When it was created; orders candidates, decides nothing.
    pub created_at: Option<Timestamp>,
    /// How far the export is.
    pub state: EntryStatus,
    /// The name of the snapshot that was exported.
    pub source_name: Option<String>,
    /// The ARN of the snapshot that was exported.
    pub source_arn: Option<SnapshotArn>,
    /// What came out of it.
    pub destination: Option<Destination>,
    /// The account, as the ARN shows it.
    pub account: Option<AccountNumber>,
}

/// A snapshot as an inventory shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, as the service has it.
    pub name: String,
    /// Its ARN: tells it apart from an older one of that name.
    pub arn: Option<SnapshotArn>,
    /// Of what it is a snapshot.
    pub kind: SnapshotKind,
    /// Whether it can be exported.
    pub state: SnapshotState,
    /// Attached disks beside the system disk; each is one more EBS copy.
    pub attached_disks: u32,
    /// Their sizes together; one of unknown size counts nothing.
    pub attached_gb: u32,
    /// The size of the disk, or of an instance's system disk.
    pub size_gb: Option<u32>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// The name of the instance or disk that it was made of.
    pub source: Option<String>,
    /// Whether it is a manual copy of an automatic snapshot.
    pub from_auto: bool,
    /// Its tags, key and value.
    pub tags: Vec<(String, String)>,
    /// The account, as the ARN shows it.
    pub account: Option<AccountNumber>,
}

named! {
    /// What a snapshot is made of.
    #[derive(clap::ValueEnum)]
    pub enum SnapshotKind {
        /// An instance, exported as an AMI
        Instance = "instance",
        /// A disk, exported as an EBS snapshot
        Disk = "disk",
    }
}

/// Whether a snapshot can be exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotState {
    /// Still being made.
    Pending,
    /// Ready: "available" for an instance, "completed" for a disk.
    Available,
    /// Broken for good.
    Error,
    /// Another word, or none.
    Other(String),
}

impl SnapshotState {
    /// Its name in SQL and JSON.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Error => "error",
            Self::Other(word) => word,
        }
    }
}

impl PageToken {
    /// Takes a token as it came.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T> Page<T> {
    /// The one page of a list with nothing in it.
    pub fn empty() -> Self {
        Self { items: Vec::new(), next: None }
    }
}
