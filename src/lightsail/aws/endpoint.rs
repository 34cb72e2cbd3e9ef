//! Where the services of an account are, and whether they can be reached at all: checked without credentials, to tell the one
//! trouble from the other.

use super::access::{self, AccountAccess, CredentialSource, SharedHttp};
use super::call::CallProbe;
use crate::clock::Clock;
use crate::domain::{Region, Timestamp};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::date_time::{DateTime, Format};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};

/// Where an account's services are, by settings, environment and profile.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoints {
    /// Lightsail's address.
    pub lightsail: Option<String>,
    /// That of STS.
    pub sts: Option<String>,
}

/// The response to an empty request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointReply {
    /// How long it took, with the connection that was made for it.
    pub took: Duration,
    /// The service's time, to the second, and ours in the middle between request and response.
    pub time: Option<(Timestamp, Timestamp)>,
}

/// How far a request came that was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReached {
    /// The address is none.
    Address,
    /// The host's name is not known.
    Name {
        /// The host.
        host: String,
        /// What the system says.
        said: String,
    },
    /// No connection can be made.
    Connection {
        /// Host and port.
        to: String,
        /// What the system says.
        said: String,
    },
    /// There is a connection, and TLS fails on it.
    Tls {
        /// What was said.
        said: String,
    },
    /// There is a connection, and no answer in HTTP.
    Answer {
        /// What was said.
        said: String,
    },
    /// The way leads through a proxy, and ends there.
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// What was said.
        said: String,
    },
}

/// Where the SDK would send requests. Nothing is sent.
pub async fn endpoints(access: &AccountAccess, region: Region) -> Endpoints {
    let dummy = CredentialSource::Fixed { access_key: "nobody".to_owned(), secret_key: "nothing".to_owned() };
    let access = AccountAccess { role_arn: None, external_id: None, credentials: dummy, ..access.clone() };
    let (noting, patience) = (NotingClient::default(), Duration::from_secs(10));
    let http = {
        let noting = noting.clone();
        SharedHttp::through(http_client_fn(move |_, _| SharedHttpConnector::new(noting.clone())))
    };
    let lightsail = access::client(&access, region, patience, &http).await;
    let _ = CallProbe::default().watch(lightsail.get_operations().send()).await;
    let lightsail = noting.take();
    let sts = access::sts(&access, region, patience, &http).await;
    let _ = CallProbe::default().watch(sts.get_caller_identity().send()).await;
    Endpoints { lightsail, sts: noting.take() }
}

/// Keeps where a request was to go, and sends it nowhere.
#[derive(Debug, Clone, Default)]
struct NotingClient(Arc<Mutex<Option<String>>>);

impl NotingClient {
    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl HttpConnector for NotingClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let to = request.uri().trim_end_matches('/').to_owned();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
        HttpConnectorFuture::ready(Err(ConnectorError::user("nothing is sent".into())))
    }
}

/// Sends an empty request to `url`, without credentials and by the way that an account's requests take: any response shows that
/// it can be reached.
///
/// # Errors
/// [`NotReached`], with how far the request came.
pub async fn check_endpoint(
    access: &AccountAccess,
    url: &str,
    patience: Duration,
    clock: &dyn Clock,
) -> Result<EndpointReply, NotReached> {
    let address: Uri = url.parse().map_err(|_| NotReached::Address)?;
    let host = address.host().ok_or(NotReached::Address)?.trim_matches(['[', ']']).to_owned();
    let direct = access.is_on_this_machine();
    let proxy = if direct { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
    let connector = access::connector(proxy, None, None);
    let mut request = HttpRequest::empty();
    request.set_uri(address.clone()).map_err(|_| NotReached::Address)?;
    let (asked, began) = (clock.now(), clock.elapsed());
    let answered = tokio::time::timeout(patience, connector.call(request)).await;
    let said = match answered {
        Ok(Ok(response)) => {
            let took = clock.elapsed().saturating_sub(began);
            let date = response.headers().get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
            let time = date.map(|date| (Timestamp(date.secs().saturating_mul(1000)), asked.after(took / 2)));
            return Ok(EndpointReply { took, time });
        }
        Ok(Err(error)) => super::call::connection(&error),
        Err(_) => format!("no answer within {} s", patience.as_secs_f64()),
    };
    let proxy = if direct { None } else { Matcher::from_env().intercept(&address) };
    if let Some(proxy) = proxy {
        let uri = proxy.uri();
        let proxy = uri.authority().map_or_else(|| uri.to_string(), |it| it.host().to_owned());
        return Err(NotReached::Proxy { proxy, said });
    }
    let secure = address.scheme_str() == Some("https");
    let port = address.port_u16().unwrap_or(if secure { 443 } else { 80 });
    Err(how_far(host, port, secure, said, patience).await)
}

/// Goes the same way step by step, to find the one that fails; `said` is the error of the whole way.
async fn how_far(host: String, port: u16, secure: bool, said: String, patience: Duration) -> NotReached {
    let late = || format!("no answer within {} s", patience.as_secs_f64());
    let found = tokio::time::timeout(patience, lookup_host((host.clone(), port))).await;
    let addresses: Vec<_> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return NotReached::Name { host, said: error.to_string() },
        Err(_) => return NotReached::Name { host, said: late() },
    };
    let to = format!("{host}:{port}");
    match tokio::time::timeout(patience, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(_)) if secure => NotReached::Tls { said },
        Ok(Ok(_)) => NotReached::Answer { said },
        Ok(Err(error)) => NotReached::Connection { to, said: error.to_string() },
        Err(_) => NotReached::Connection { to, said: late() },
    }
}
