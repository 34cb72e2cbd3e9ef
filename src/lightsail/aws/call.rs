//! What became of one call: whether its request may have left, and what its error means.

use super::super::classify::{Evidence, classify};
use super::super::{CallError, ErrorClass, codes};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lightsail::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_lightsail::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lightsail::error::{BoxError, SdkError};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::result::ConnectorError;
use serde::de::IgnoredAny;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Watches one call from inside the SDK.
#[derive(Debug, Clone, Default)]
pub(super) struct Probe(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    sent: AtomicBool,
    object: AtomicBool,
}

impl Probe {
    /// Whether the request was handed to a connection. Before that, nothing can have left.
    pub(super) fn was_sent(&self) -> bool {
        self.0.sent.load(Ordering::Acquire)
    }

    /// Whether the answer was a JSON object. The SDK takes an empty body for an empty answer, and passes over what is no
    /// JSON in members that it does not know; a broken listing must not prove that something is absent.
    pub(super) fn saw_an_object(&self) -> bool {
        self.0.object.load(Ordering::Acquire)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Probe {
    fn name(&self) -> &'static str {
        "Probe"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.sent.store(true, Ordering::Release);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        self.0.object.store(is_object(body), Ordering::Release);
        Ok(())
    }
}

fn is_object(body: &[u8]) -> bool {
    let text = std::str::from_utf8(body).unwrap_or_default();
    text.trim_ascii_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The error of an answer that the SDK took for a success and that was none.
pub(super) fn not_an_object() -> CallError {
    let mut error = CallError::new(ErrorClass::Ambiguous, codes::BROKEN_ANSWER, "the answer was no JSON object");
    error.http_status = Some(200);
    error
}

/// What an error of the SDK means.
pub(super) fn explain<E: Error + Send + Sync + 'static>(error: &SdkError<E>, sent: bool) -> CallError {
    if let Some(raw) = error.raw_response() {
        let evidence = Evidence {
            status: raw.status().as_u16(),
            header: raw.headers().get("x-amzn-errortype"),
            body: raw.body().bytes().unwrap_or_default(),
            request_id: raw.headers().get("x-amzn-requestid"),
        };
        let mut heard = classify(&evidence);
        if raw.status().is_success() {
            let broken = CallError::new(ErrorClass::Ambiguous, codes::BROKEN_ANSWER, chain(error));
            heard = CallError { request_id: heard.request_id, http_status: heard.http_status, ..broken };
        }
        return heard;
    }
    let (class, code) = reason(error, sent);
    CallError::new(class, code, chain(error))
}

/// The meaning of an error without an answer.
fn reason<E: Error + Send + Sync + 'static>(error: &SdkError<E>, sent: bool) -> (ErrorClass, &'static str) {
    let timed_out = matches!(error, SdkError::TimeoutError(_))
        || matches!(error, SdkError::DispatchFailure(failure) if failure.is_timeout());
    if !sent {
        // Nothing takes time before a request is sent but getting credentials.
        return if timed_out || links(error).any(<dyn Error>::is::<CredentialsError>) {
            (ErrorClass::Credentials, codes::NO_CREDENTIALS)
        } else {
            (ErrorClass::Unreachable, codes::NOT_SENT)
        };
    }
    // `DispatchFailure::is_io` is true of a refused connection and of one reset after the request was read; only
    // hyper knows the two apart.
    let never_connected = links(error)
        .filter_map(|link| link.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect);
    if never_connected {
        (ErrorClass::Unreachable, codes::UNREACHABLE)
    } else if timed_out {
        (ErrorClass::Ambiguous, codes::TIMED_OUT)
    } else {
        (ErrorClass::Ambiguous, codes::CONNECTION_LOST)
    }
}

/// The error and everything behind it.
fn links<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&link| link.source())
}

/// The words of the chain, each said once, without those that only name a layer of the client's ("dispatch failure",
/// "client error (`SendRequest`)").
fn chain<E: Error + Send + Sync + 'static>(error: &SdkError<E>) -> String {
    let layer = |link: &(dyn Error + 'static)| {
        link.is::<SdkError<E>>() || link.is::<ConnectorError>() || link.is::<hyper_util::client::legacy::Error>()
    };
    let told = said(links(error).filter(|link| !layer(*link)));
    if told.is_empty() { said(links(error)) } else { told }
}

fn said<'a>(links: impl Iterator<Item = &'a (dyn Error + 'static)>) -> String {
    let mut said = String::new();
    for link in links {
        let words = link.to_string();
        if !said.contains(&words) {
            said = if said.is_empty() { words } else { format!("{said}: {words}") };
        }
    }
    said
}
