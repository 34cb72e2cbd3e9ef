//! Answers without a network: what a wire may bring, handed to the real client. For tests of what it makes of them.

use aws_sdk_lightsail::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::fmt;
use std::sync::Arc;

/// An answer as it comes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawAnswer {
    /// The status, 100 to 999; another one counts as a connection that was lost.
    pub status: u16,
    /// The header `x-amzn-errortype`; one that no header can hold is left out.
    pub error_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

struct Canned<F>(Arc<F>);

impl<F> fmt::Debug for Canned<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canned")
    }
}

impl<F: Fn() -> RawAnswer + Send + Sync> HttpConnector for Canned<F> {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(response((self.0)()))
    }
}

fn response(answer: RawAnswer) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(answer.status).map_err(|error| ConnectorError::io(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    if let Some(kind) = answer.error_type {
        // One that is no header's value cannot come over a wire either.
        let _ = response.headers_mut().try_insert("x-amzn-errortype", kind);
    }
    Ok(response)
}

/// A client that gets each answer from `answer`.
pub(super) fn client(answer: impl Fn() -> RawAnswer + Send + Sync + 'static) -> SharedHttpClient {
    let answer = Arc::new(answer);
    http_client_fn(move |_, _| SharedHttpConnector::new(Canned(Arc::clone(&answer))))
}
