//! How an account is reached: credentials, endpoint, connections. The usual chain of the AWS SDK decides wherever the
//! settings say nothing.

use super::call::CallObserver;
use super::canned::{self, RawAnswer};
use crate::domain::{BadRegion, Region};
use crate::lightsail::RegionSlots;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::config::{Builder, SharedAsyncSleep, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpClient as _, HttpConnectorSettings, http_client_fn};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The most that a connection may take to stand, TLS included; a shorter time for attempts leaves half of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections go early: one that the service closes while we use it makes an answer lost, and an answer lost
/// costs a lane more than a handshake.
const IDLE: Duration = Duration::from_secs(5);
/// How to reach an account; what is not set is left to the usual chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AccountAccess {
    /// A profile of the AWS configuration. Named here, it goes before credentials in the environment.
    pub profile: Option<String>,
    /// A role to assume with those credentials.
    pub role_arn: Option<String>,
    /// The external id that the role asks for.
    pub external_id: Option<String>,
    /// Where Lightsail is, before `AWS_ENDPOINT_URL` and its like.
    pub endpoint_url: Option<String>,
    /// Where the credentials come from.
    pub credentials: CredentialSource,
}

impl AccountAccess {
    /// Whether Lightsail is set to be on this machine, where no proxy stands between.
    pub(super) fn is_on_this_machine(&self) -> bool {
        self.endpoint_url.as_deref().is_some_and(is_this_machine)
    }
}

/// Where credentials come from.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum CredentialSource {
    /// The chain: environment, profile, SSO, process, container, instance.
    #[default]
    Usual,
    /// Fixed ones, for a stand-in of the service.
    Fixed {
        /// The access key's id.
        access_key: String,
        /// The secret key.
        secret_key: String,
    },
    /// None, for this reason: the settings have no such account, and each call fails.
    NoAccount(String),
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usual => "Usual",
            Self::Fixed { .. } => "Fixed",
            Self::NoAccount(_) => "NoAccount",
        })
    }
}

/// What lanes share: connections, one pool for each way out; the configuration of their account; and the slots of reads in their
/// Region, so that one that cannot be reached holds back no other.
#[derive(Debug, Clone)]
pub struct SharedHttp {
    by_proxy: SharedHttpClient,
    direct: SharedHttpClient,
    accounts: Arc<Mutex<HashMap<(AccountAccess, Duration), SharedConfig>>>,
    pub(super) reads: RegionSlots,
}

/// An account's configuration with its credentials, made when it is needed, and how often it was made anew. Not the SDK's own
/// [`SdkConfig`], which keeps every profile of the machine for each account.
pub(super) type SharedConfig = Arc<tokio::sync::Mutex<(Option<Builder>, u64)>>;

impl SharedHttp {
    /// A pool with nothing in it. `HTTPS_PROXY` and its like are honoured, except towards this machine.
    pub fn new() -> Self {
        Self { direct: pool(ProxyConfig::disabled()), ..Self::through(pool(ProxyConfig::from_env())) }
    }

    /// The same, whatever the environment says of proxies.
    pub fn without_proxy() -> Self {
        Self::through(pool(ProxyConfig::disabled()))
    }

    /// No connection at all: each request is answered by `answer`.
    pub fn answering(answer: impl Fn() -> RawAnswer + Send + Sync + 'static) -> Self {
        Self::through(canned::client(answer))
    }

    /// The one client, whatever the way.
    pub(super) fn through(client: SharedHttpClient) -> Self {
        Self { by_proxy: client.clone(), direct: client, accounts: Arc::default(), reads: RegionSlots::of_reads() }
    }

    /// The configuration that the lanes of an account share.
    pub(super) fn account(&self, access: &AccountAccess, attempt: Duration) -> SharedConfig {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(accounts.entry((access.clone(), attempt)).or_default())
    }
}

impl Default for SharedHttp {
    fn default() -> Self {
        Self::new()
    }
}

fn pool(proxy: ProxyConfig) -> SharedHttpClient {
    let client = aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
        let sleep = components.and_then(RuntimeComponents::sleep_impl);
        connector(proxy.clone(), settings.cloned(), sleep)
    });
    // Without this, each lane's client would make a connector of its own, only to see whether it can, and parse every
    // certificate of the machine for it.
    http_client_fn(move |settings, components| client.http_connector(settings, components))
}

pub(super) fn connector(
    proxy: ProxyConfig,
    settings: Option<HttpConnectorSettings>,
    sleep: Option<SharedAsyncSleep>,
) -> Connector {
    let mut connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .proxy_config(proxy)
        .pool_idle_timeout(IDLE);
    connector.set_connector_settings(settings);
    connector.set_sleep_impl(sleep);
    connector.build()
}

/// The Region that the environment or the profile names, read without a network.
///
/// # Errors
/// [`BadRegion`], where it names one without Lightsail.
pub async fn usual_region(profile: Option<&str>) -> Result<Option<Region>, BadRegion> {
    let mut files = ProfileFileRegionProvider::builder();
    if let Some(profile) = profile {
        files = files.profile_name(profile);
    }
    let named = match EnvironmentVariableRegionProvider::new().region().await {
        Some(region) if !region.as_ref().trim().is_empty() => Some(region),
        // An empty variable is none.
        Some(_) | None => files.build().region().await,
    };
    named.map(|region| Region::parse(region.as_ref())).transpose()
}

/// A Lightsail client that never retries and gives up on time.
pub(super) async fn client(access: &AccountAccess, region: Region, attempt: Duration, http: &SharedHttp) -> Client {
    client_of(account_config(access, region, attempt, http).await, region)
}

/// The same, of an account's configuration.
pub(super) fn client_of(account: Builder, region: Region) -> Client {
    Client::from_conf(account.region(aws_config::Region::from_static(region.as_str())).build())
}

/// What the clients of an account's lanes have in common.
pub(super) async fn account_config(
    access: &AccountAccess,
    region: Region,
    attempt: Duration,
    http: &SharedHttp,
) -> Builder {
    let mut config = Builder::from(&base_config(access, region, attempt, http).await).interceptor(CallObserver);
    if let Some(url) = &access.endpoint_url {
        config = config.endpoint_url(url);
        if access.is_on_this_machine() {
            config = config.http_client(http.direct.clone());
        }
    }
    config
}

/// A client of STS with the same credentials, which tells whose they are.
pub(super) async fn sts(
    access: &AccountAccess,
    region: Region,
    attempt: Duration,
    http: &SharedHttp,
) -> aws_sdk_sts::Client {
    let account = base_config(access, region, attempt, http).await;
    aws_sdk_sts::Client::from_conf(aws_sdk_sts::config::Builder::from(&account).interceptor(CallObserver).build())
}

/// The credentials of a profile, read each time that they are needed. The SDK's own provider keeps what it has read, which is
/// every profile of the machine.
#[derive(Debug)]
struct ProfileCredentials {
    profile: String,
    config: ProviderConfig,
}

impl ProvideCredentials for ProfileCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let files = ProfileFileCredentialsProvider::builder().configure(&self.config).profile_name(&self.profile);
        future::ProvideCredentials::new(async move { files.build().provide_credentials().await })
    }
}

/// The credentials of the role, where there is one to be taken on.
async fn role(access: &AccountAccess, base: &SdkConfig) -> Option<AssumeRoleProvider> {
    let mut provider = AssumeRoleProvider::builder(access.role_arn.as_ref()?).configure(base).session_name("snapferry");
    if let Some(id) = &access.external_id {
        provider = provider.external_id(id);
    }
    Some(provider.build().await)
}

/// An account's configuration, with the credentials of its role where it has one. STS is called in `region`.
async fn base_config(access: &AccountAccess, region: Region, attempt: Duration, http: &SharedHttp) -> SdkConfig {
    let region = aws_config::Region::from_static(region.as_str());
    // A helper process or an SSO service may be slow; the attempt's time-out ends the wait all the same.
    let identities = IdentityCache::lazy().load_timeout(attempt).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone())
        .http_client(http.by_proxy.clone())
        .identity_cache(identities);
    if let Ok(name) = AppName::new("snapferry") {
        loader = loader.app_name(name);
    }
    if let Some(profile) = &access.profile {
        // The chain would ask the environment first, and a named profile must never lead to another account.
        let config = ProviderConfig::default().with_region(Some(region)).with_http_client(http.by_proxy.clone());
        loader =
            loader.profile_name(profile).credentials_provider(ProfileCredentials { profile: profile.clone(), config });
    }
    if let CredentialSource::Fixed { access_key, secret_key } = &access.credentials {
        let fixed = Credentials::new(access_key, secret_key, None, None, "fixed");
        loader = loader.credentials_provider(SharedCredentialsProvider::new(fixed));
    }
    let base = loader.load().await;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(attempt / 2))
        .operation_attempt_timeout(attempt)
        .operation_timeout(attempt)
        .build();
    let role = role(access, &base).await;
    let mut config = base
        .into_builder()
        // In code, because AWS_MAX_ATTEMPTS and AWS_RETRY_MODE would apply otherwise.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        // The attempt's time-out is the one judge of a slow answer.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(role) = role {
        config = config.credentials_provider(SharedCredentialsProvider::new(role));
    }
    config.build()
}

fn is_this_machine(url: &str) -> bool {
    let Ok(url) = url.parse::<http::Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_around_the_proxy() {
        for url in ["http://127.0.0.1:8080", "http://localhost/", "https://[::1]:4566"] {
            assert!(is_this_machine(url), "{url}");
        }
        for url in ["https://lightsail.eu-west-1.amazonaws.com", "http://localhost.example", "nonsense", ""] {
            assert!(!is_this_machine(url), "{url}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let credentials = CredentialSource::Fixed { access_key: "AK".into(), secret_key: "hush".into() };
        let access = AccountAccess { credentials, ..AccountAccess::default() };
        assert!(!format!("{access:?}").contains("hush"));
    }
}
