//! A Lightsail that cannot be asked: each call ends at once in the same error, and nothing leaves this machine.

use super::{Accepted, CallError, ExportRecord, Lightsail, Operation, Page, PageToken, Snapshot, SnapshotKind};
use crate::domain::{OperationId, SnapshotName};
use async_trait::async_trait;

/// Refuses every call.
#[derive(Debug, Clone)]
pub struct FailingClient(CallError);

impl FailingClient {
    /// Refuses with `error`.
    pub fn with(error: CallError) -> Self {
        Self(error)
    }

    fn refuse<T>(&self) -> Result<T, CallError> {
        Err(self.0.clone())
    }
}

#[async_trait]
impl Lightsail for FailingClient {
    async fn export_snapshot(&self, _: &SnapshotName) -> Result<Accepted, CallError> {
        self.refuse()
    }

    async fn get_operation(&self, _: &OperationId) -> Result<Option<Operation>, CallError> {
        self.refuse()
    }

    async fn operations(&self, _: Option<PageToken>) -> Result<Page<Operation>, CallError> {
        self.refuse()
    }

    async fn operations_for_resource(
        &self,
        _: &SnapshotName,
        _: Option<PageToken>,
    ) -> Result<Page<Operation>, CallError> {
        self.refuse()
    }

    async fn export_records(&self, _: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        self.refuse()
    }

    async fn snapshots(&self, _: SnapshotKind, _: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        self.refuse()
    }

    async fn snapshot(&self, _: &SnapshotName, _: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        self.refuse()
    }
}
