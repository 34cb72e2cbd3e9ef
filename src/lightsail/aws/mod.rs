//! The real Lightsail, through the AWS SDK. This folder is the only place that names the SDK's types.
//!
//! The SDK's retries are off: its default sends a dropped `ExportSnapshot` three times. Whether a failed call was sent is
//! answered in `call`, how to reach an account in `access`, and what the answers say in `convert`. Whose credentials they
//! are is found out in `identity`; whether a service can be reached at all, without any, in `endpoint`.

mod access;
mod account;
mod call;
mod canned;
mod convert;
mod endpoint;
mod identity;
#[cfg(test)]
mod shared_tests;

pub use access::{AccountAccess, CredentialSource, SharedHttp, usual_region};
pub use canned::RawAnswer;
pub use endpoint::{EndpointReply, Endpoints, NotReached, check_endpoint, endpoints};
pub use identity::{CallerIdentity, caller_identity};

use super::{
    Accepted, CallError, CallSlots, ErrorClass, ExportRecord, Lightsail, Operation, Page, PageToken, Snapshot,
    SnapshotKind, codes,
};
use crate::domain::{AccountNumber, OperationId, Region, SnapshotName};
use access::SharedConfig;
use account::KeyAccount;
use async_trait::async_trait;
use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::error::SdkError;
use aws_sdk_lightsail::operation::RequestId as _;
use call::CallProbe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// One lane's Lightsail at AWS, or at an endpoint that speaks like it.
pub struct AwsLightsail {
    access: AccountAccess,
    region: Region,
    attempt_timeout: Duration,
    http: SharedHttp,
    config: SharedConfig,
    reads: CallSlots,
    /// The client in use, and of which making of the account's configuration it is.
    client: Mutex<Option<(Client, u64)>>,
    account: Arc<KeyAccount>,
}

impl AwsLightsail {
    /// A client for one lane. Reads and connects nothing before the first call; the account behind it is whatever the
    /// ARNs of its inventories say. It exports nothing before [`Lightsail::expect_account`].
    pub fn new(access: AccountAccess, region: Region, attempt_timeout: Duration, http: SharedHttp) -> Self {
        let (config, reads) = (http.account(&access, attempt_timeout), http.reads.of(region));
        let (client, account) = (Mutex::default(), Arc::default());
        Self { access, region, attempt_timeout, http, config, reads, client, account }
    }

    /// The client in use. The account's configuration is made anew after each refusal of its credentials, or when they are
    /// another account's: the SDK reads profile files once in its life, and a lane must recover automatically once the user has renewed
    /// them.
    async fn client(&self) -> (Client, u64) {
        let Self { access, region, attempt_timeout, http, .. } = self;
        let mut config = self.config.lock().await;
        let mut client = self.client.lock().await;
        if let Some((client, _)) = client.as_ref().filter(|(_, made)| *made == config.1) {
            return (client.clone(), config.1);
        }
        let base = match config.0.take() {
            Some(base) => base,
            None => Box::pin(access::account_config(access, *region, *attempt_timeout, http)).await,
        };
        let made = access::client_of(base.clone(), *region);
        config.0 = Some(base);
        *client = Some((made.clone(), config.1));
        (made, config.1)
    }

    /// Drops the configuration whose credentials were refused, unless another call has already done so.
    async fn forget(&self, made: u64) {
        let mut config = self.config.lock().await;
        if config.1 == made {
            *config = (None, made.wrapping_add(1));
        }
    }

    /// Makes one call, watched by `probe`: one request at most, and an error that says whether it may have had an effect.
    async fn call<O, E, F>(&self, probe: &CallProbe, send: impl FnOnce(Client) -> F + Send) -> Result<O, CallError>
    where
        O: Send,
        E: std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<O, SdkError<E>>> + Send,
    {
        if let CredentialSource::NoAccount(why) = &self.access.credentials {
            return Err(CallError::new(ErrorClass::Credentials, codes::NO_ACCOUNT, why));
        }
        // An export has its intent on disk, and does not wait.
        let slot = if probe.is_export() { None } else { Some(self.reads.take().await) };
        let (client, made) = self.client().await;
        let call = probe.watch(send(client));
        let answer = match slot {
            Some(slot) => slot.hold(call).await,
            None => call.await,
        };
        let error = match answer {
            Ok(output) if probe.saw_an_object() => return Ok(output),
            Ok(_) => call::not_an_object(),
            Err(_) if probe.was_held() => return Err(account::not_shown()),
            Err(error) => call::explain(&error, probe),
        };
        if error.class == ErrorClass::Credentials {
            self.forget(made).await;
        }
        Err(error)
    }

    /// Records whose account a read has shown. Where it is not the lane's, the credentials are loaded again.
    async fn seen(&self, probe: &CallProbe, account: Option<&AccountNumber>) {
        if let Some(account) = account
            && self.account.shows(probe.key(), account.clone())
        {
            let made = self.client.lock().await.as_ref().map_or(0, |(_, made)| *made);
            self.forget(made).await;
        }
    }
}

fn text(token: Option<PageToken>) -> Option<String> {
    token.map(|token| token.as_str().to_owned())
}

/// None where Lightsail says that there is no such thing.
fn if_there<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}

#[async_trait]
impl Lightsail for AwsLightsail {
    async fn export_snapshot(&self, name: &SnapshotName) -> Result<Accepted, CallError> {
        let probe = CallProbe::only_of(Arc::clone(&self.account));
        let send = |client: Client| client.export_snapshot().source_snapshot_name(name.as_str()).send();
        let output = self.call(&probe, send).await?;
        let request_id = output.request_id().map(ToOwned::to_owned);
        Ok(Accepted { operations: convert::operations_with_id(output.operations), request_id })
    }

    async fn get_operation(&self, id: &OperationId) -> Result<Option<Operation>, CallError> {
        let send = |client: Client| client.get_operation().operation_id(id.as_str()).send();
        let output = if_there(self.call(&CallProbe::default(), send).await)?;
        Ok(output.and_then(|output| output.operation).map(convert::operation))
    }

    async fn operations(
        &self,
        of: Option<&SnapshotName>,
        token: Option<PageToken>,
    ) -> Result<Page<Operation>, CallError> {
        let (token, probe) = (text(token), CallProbe::default());
        let (operations, next) = if let Some(name) = of {
            let request = |client: Client| client.get_operations_for_resource().resource_name(name.as_str());
            let send = |client: Client| request(client).set_page_token(token).send();
            let output = if_there(self.call(&probe, send).await)?;
            output.map_or((None, None), |output| (output.operations, output.next_page_token))
        } else {
            let send = |client: Client| client.get_operations().set_page_token(token).send();
            let output = self.call(&probe, send).await?;
            (output.operations, output.next_page_token)
        };
        Ok(convert::page(operations, next, |one| Some(convert::operation(one))))
    }

    async fn export_records(&self, token: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        let (token, probe) = (text(token), CallProbe::default());
        let send = |client: Client| client.get_export_snapshot_records().set_page_token(token).send();
        let output = self.call(&probe, send).await?;
        let page =
            convert::page(output.export_snapshot_records, output.next_page_token, |one| Some(convert::record(one)));
        self.seen(&probe, page.items.iter().find_map(|item| item.account.as_ref())).await;
        Ok(page)
    }

    async fn snapshots(&self, kind: SnapshotKind, token: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        let (token, probe) = (text(token), CallProbe::default());
        let page = match kind {
            SnapshotKind::Instance => {
                let send = |client: Client| client.get_instance_snapshots().set_page_token(token).send();
                let output = self.call(&probe, send).await?;
                convert::page(output.instance_snapshots, output.next_page_token, convert::instance_snapshot)
            }
            SnapshotKind::Disk => {
                let send = |client: Client| client.get_disk_snapshots().set_page_token(token).send();
                let output = self.call(&probe, send).await?;
                convert::page(output.disk_snapshots, output.next_page_token, convert::disk_snapshot)
            }
        };
        self.seen(&probe, page.items.iter().find_map(|item| item.account.as_ref())).await;
        Ok(page)
    }

    async fn snapshot(&self, name: &SnapshotName, kind: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        let probe = CallProbe::default();
        let found = match kind {
            SnapshotKind::Instance => {
                let send = |client: Client| client.get_instance_snapshot().instance_snapshot_name(name.as_str()).send();
                let output = if_there(self.call(&probe, send).await)?;
                output.and_then(|output| output.instance_snapshot).and_then(convert::instance_snapshot)
            }
            SnapshotKind::Disk => {
                let send = |client: Client| client.get_disk_snapshot().disk_snapshot_name(name.as_str()).send();
                let output = if_there(self.call(&probe, send).await)?;
                output.and_then(|output| output.disk_snapshot).and_then(convert::disk_snapshot)
            }
        };
        self.seen(&probe, found.as_ref().and_then(|one| one.account.as_ref())).await;
        Ok(found)
    }

    fn expect_account(&self, account: Option<AccountNumber>) {
        self.account.expect(account);
    }
}
