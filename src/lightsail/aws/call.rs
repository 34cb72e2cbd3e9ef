//! The outcome of one call: whether its request may have left, and what its error means.

use super::super::classify::{ErrorEvidence, classify};
use super::super::{CallError, ErrorClass, codes};
use super::account::{KeyAccount, signing_key};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_lightsail::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_lightsail::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lightsail::error::{BoxError, SdkError};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::date_time::{DateTime, Format};
use serde::de::IgnoredAny;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use time::PrimitiveDateTime;
use time::macros::format_description;

tokio::task_local! {
    /// The call that a task is in.
    static WATCHED: CallProbe;
}

/// What the SDK does with one call.
#[derive(Debug, Clone, Default)]
pub(super) struct CallProbe(Arc<CallTrace>);

#[derive(Debug, Default)]
struct CallTrace {
    sent: AtomicBool,
    object: AtomicBool,
    /// When the request was signed, in its own form.
    signed: OnceLock<String>,
    clock_ahead: OnceLock<i64>,
    /// The access key that signed it.
    key: OnceLock<String>,
    /// For an export: by whose key it may leave.
    only_of: Option<Arc<KeyAccount>>,
    held: AtomicBool,
}

impl CallProbe {
    /// For an export, which leaves only with a key that has shown the lane's account.
    pub(super) fn only_of(account: Arc<KeyAccount>) -> Self {
        Self(Arc::new(CallTrace { only_of: Some(account), ..CallTrace::default() }))
    }

    /// Whether it is an export's.
    pub(super) fn is_export(&self) -> bool {
        self.0.only_of.is_some()
    }

    /// Makes a call, and watches it.
    pub(super) fn watch<T>(&self, call: impl Future<Output = T>) -> impl Future<Output = T> {
        // In a box: the SDK's futures are large, and would be moved with each one around them.
        WATCHED.scope(self.clone(), Box::pin(call))
    }

    /// Whether the request was handed to a connection. Before that, nothing can have left.
    pub(super) fn was_sent(&self) -> bool {
        self.0.sent.load(Ordering::Acquire)
    }

    /// Seconds by which the request was signed later than a refusal says that it was made.
    pub(super) fn clock_ahead(&self) -> Option<i64> {
        self.0.clock_ahead.get().copied()
    }

    /// Whether it was an export that was kept from leaving.
    pub(super) fn was_held(&self) -> bool {
        self.0.held.load(Ordering::Acquire)
    }

    /// The access key that it was signed with.
    pub(super) fn key(&self) -> &str {
        self.0.key.get().map_or("", String::as_str)
    }

    /// The last check before a request leaves.
    fn leaves(&self, authorization: Option<&str>) -> Result<(), BoxError> {
        let key = self.0.key.get_or_init(|| signing_key(authorization).to_owned());
        if self.0.only_of.as_ref().is_some_and(|account| !account.lets_export(key)) {
            self.0.held.store(true, Ordering::Release);
            return Err("it is signed for an account that is not known".into());
        }
        self.0.sent.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether the answer was a JSON object. The SDK takes an empty body for an empty answer, and passes over what is no
    /// JSON in members that it does not know; a broken inventory must not prove that something is absent.
    pub(super) fn saw_an_object(&self) -> bool {
        self.0.object.load(Ordering::Acquire)
    }
}

/// Reports to the probes, a part of every client: with an interceptor for each call, the SDK would build its configuration
/// each time, which costs an eighth of a call.
#[derive(Debug)]
pub(super) struct CallObserver;

#[dyn_dispatch_hint]
impl Intercept for CallObserver {
    fn name(&self) -> &'static str {
        "Watch"
    }

    /// A request without a probe is not sent: nothing could tell later whether it was.
    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        WATCHED.try_with(|probe| {
            let headers = context.request().headers();
            if let Some(signed) = headers.get("x-amz-date") {
                let _ = probe.0.signed.set(signed.to_owned());
            }
            probe.leaves(headers.get("authorization"))
        })?
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.body().bytes().unwrap_or_default();
        // Only a refusal says something about the clock.
        let date = response.headers().get("date").filter(|_| !response.status().is_success());
        Ok(WATCHED.try_with(|probe| {
            probe.0.object.store(is_object(body), Ordering::Release);
            if let Some(ahead) = date.and_then(|date| clock_ahead(probe.0.signed.get()?, date)) {
                let _ = probe.0.clock_ahead.set(ahead);
            }
        })?)
    }
}

/// Seconds from an answer's `Date` to the time that its request was signed with.
fn clock_ahead(signed: &str, answered: &str) -> Option<i64> {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed = PrimitiveDateTime::parse(signed, form).ok()?.assume_utc().unix_timestamp();
    Some(signed.saturating_sub(DateTime::from_str(answered, Format::HttpDate).ok()?.secs()))
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
pub(super) fn explain<E: Error + Send + Sync + 'static>(error: &SdkError<E>, probe: &CallProbe) -> CallError {
    if let Some(raw) = error.raw_response() {
        let evidence = ErrorEvidence {
            status: raw.status().as_u16(),
            header: raw.headers().get("x-amzn-errortype"),
            body: raw.body().bytes().unwrap_or_default(),
            request_id: raw.headers().get("x-amzn-requestid"),
            clock_ahead: probe.clock_ahead(),
        };
        let mut refused = classify(&evidence);
        if raw.status().is_success() {
            let broken = CallError::new(ErrorClass::Ambiguous, codes::BROKEN_ANSWER, chain(error));
            refused = CallError { request_id: refused.request_id, http_status: refused.http_status, ..broken };
        }
        return refused;
    }
    let (class, code) = reason(error, probe.was_sent());
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
    let told = said(links(error).filter(|link| !link.is::<SdkError<E>>() && !is_layer(*link)));
    if told.is_empty() { said(links(error)) } else { told }
}

/// The same of a connection's error.
pub(super) fn connection(error: &ConnectorError) -> String {
    let told = said(links(error).filter(|link| !is_layer(*link)));
    if told.is_empty() { said(links(error)) } else { told }
}

fn is_layer(link: &(dyn Error + 'static)) -> bool {
    link.is::<ConnectorError>() || link.is::<hyper_util::client::legacy::Error>()
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

#[cfg(test)]
mod tests {
    use super::super::access::{self, AccountAccess, CredentialSource, SharedHttp};
    use super::super::canned::RawAnswer;
    use super::*;
    use crate::domain::Region;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    #[tokio::test]
    async fn a_call_without_a_probe_is_not_sent() {
        let requests = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&requests);
        let http = SharedHttp::answering(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            RawAnswer { status: 200, body: b"{}".to_vec(), error_type: None }
        });
        let credentials = CredentialSource::Fixed { access_key: "AK".to_owned(), secret_key: "any".to_owned() };
        let access = AccountAccess { credentials, ..AccountAccess::default() };
        let region = Region::parse("eu-west-1").expect("a Region");
        let client = access::client(&access, region, Duration::from_secs(5), &http).await;
        let probe = CallProbe::default();
        client.export_snapshot().source_snapshot_name("web-1").send().await.expect_err("it is not sent");
        assert_eq!((requests.load(Ordering::Relaxed), probe.was_sent()), (0, false));
        probe.watch(client.export_snapshot().source_snapshot_name("web-1").send()).await.expect("an answer");
        assert_eq!((requests.load(Ordering::Relaxed), probe.was_sent(), probe.saw_an_object()), (1, true, true));
    }
}
