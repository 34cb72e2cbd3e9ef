//! The limit of a lane's reads, as a wrapper around its Lightsail. The sender of an export takes its permit itself,
//! before the intent is written: waiting comes before the promise to send, never after.

use super::{
    Accepted, CallError, ExportRecord, Lightsail, Operation, Page, PageToken, RateLimiter, Snapshot, SnapshotKind,
    codes,
};
use crate::domain::{AccountNumber, OperationId, SnapshotName};
use async_trait::async_trait;
use std::sync::Arc;

/// A Lightsail whose reads pass through a rate limiter of their own. Exports pass as they are: the sender limits them. One that did
/// not leave, because other credentials are in use, is made once these have shown whose they are.
#[derive(Clone)]
pub struct Limited {
    inner: Arc<dyn Lightsail>,
    reads: RateLimiter,
}

impl Limited {
    /// Puts the reads of `inner` behind `reads`.
    pub fn new(inner: Arc<dyn Lightsail>, reads: RateLimiter) -> Self {
        Self { inner, reads }
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, CallError>> + Send) -> Result<T, CallError> {
        let permit = self.reads.acquire().await;
        let result = call.await;
        permit.answered(&result);
        result
    }
}

#[async_trait]
impl Lightsail for Limited {
    async fn export_snapshot(&self, name: &SnapshotName) -> Result<Accepted, CallError> {
        match self.inner.export_snapshot(name).await {
            Err(error) if error.code.as_str() == codes::ACCOUNT_NOT_SHOWN => {}
            made => return made,
        }
        for kind in [SnapshotKind::Instance, SnapshotKind::Disk] {
            if let Ok(Some(_)) = self.snapshot(name, kind).await {
                break;
            }
        }
        self.inner.export_snapshot(name).await
    }

    async fn get_operation(&self, id: &OperationId) -> Result<Option<Operation>, CallError> {
        self.read(self.inner.get_operation(id)).await
    }

    async fn operations(
        &self,
        of: Option<&SnapshotName>,
        token: Option<PageToken>,
    ) -> Result<Page<Operation>, CallError> {
        self.read(self.inner.operations(of, token)).await
    }

    async fn export_records(&self, token: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        self.read(self.inner.export_records(token)).await
    }

    async fn snapshots(&self, kind: SnapshotKind, token: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        self.read(self.inner.snapshots(kind, token)).await
    }

    async fn snapshot(&self, name: &SnapshotName, kind: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        self.read(self.inner.snapshot(name, kind)).await
    }

    fn expect_account(&self, account: Option<AccountNumber>) {
        self.inner.expect_account(account);
    }
}
