//! HTTP on either side of the engine: whose a request is, and the form of an answer, broken ones too.

use crate::api::engine::{CallReply, Reply};
use crate::api::errors::ErrorAnswer;
use crate::setup::config::LaneAddress;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap};
use hyper::{Response, StatusCode};
use std::pin::Pin;
use std::task::{Context, Poll};
use time::ext::NumericalDuration as _;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const TARGET: &str = "x-amz-target";
const TARGET_PREFIX: &str = "Lightsail_20161128.";
const HTML: &str = "<html><head><title>Sorry</title></head><body><h1>Something went wrong</h1></body></html>";

/// Why a connection ends without an answer, or in the middle of one.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost, as a fault wants it")]
pub(crate) struct Lost;

/// A body that may break off before its end.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, Lost>;

/// The first half of a body, then the end of its connection.
struct HalfBody {
    data: Option<Bytes>,
    flushed: bool,
}

/// The operation that a request asks for; empty where the header is of another service, or not there.
pub(crate) fn operation(headers: &HeaderMap) -> String {
    let target = headers.get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    target.strip_prefix(TARGET_PREFIX).unwrap_or_default().to_owned()
}

/// Whose request it is, by its `Authorization` header.
///
/// # Errors
/// `MissingAuthenticationTokenException` without the header, `IncompleteSignatureException` where it has another form.
pub(crate) fn address(headers: &HeaderMap, default_account: &str) -> Result<LaneAddress, ErrorAnswer> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| ErrorAnswer::named("MissingAuthenticationTokenException"))?;
    let incomplete = || ErrorAnswer::named("IncompleteSignatureException");
    let (_, credential) = header
        .strip_prefix("AWS4-HMAC-SHA256")
        .and_then(|rest| rest.split_once("Credential="))
        .ok_or_else(incomplete)?;
    let scope = credential.split([',', ' ']).next().unwrap_or_default();
    let mut parts = scope.split('/');
    let (Some(key), Some(region)) = (parts.next(), parts.nth(1)) else { return Err(incomplete()) };
    let digits = key.strip_prefix("AKIASIM").or_else(|| key.strip_prefix("ASIASIM"));
    let account = digits.filter(|digits| digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()));
    Ok(LaneAddress { account: account.unwrap_or(default_account).to_owned(), region: region.to_owned() })
}

/// Compares the time that a request was signed at with the service's, in seconds since 1970, where that is given.
///
/// # Errors
/// `InvalidSignatureException` in AWS's words where the two are more than 5 minutes apart.
pub(crate) fn signed_in_time(headers: &HeaderMap, service_time: Option<i64>) -> Result<(), ErrorAnswer> {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed = headers.get("x-amz-date").and_then(|value| PrimitiveDateTime::parse(value.to_str().ok()?, form).ok());
    let now = service_time.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let Some((signed, now)) = signed.map(PrimitiveDateTime::assume_utc).zip(now) else { return Ok(()) };
    let text = |at: OffsetDateTime| at.format(form).unwrap_or_default();
    let (earliest, latest) = (now - 5.minutes(), now + 5.minutes());
    let (signed_text, now_text) = (text(signed), text(now));
    let message = if signed < earliest {
        format!("Signature expired: {signed_text} is now earlier than {} ({now_text} - 5 min.)", text(earliest))
    } else if signed > latest {
        format!("Signature not yet current: {signed_text} is still later than {} ({now_text} + 5 min.)", text(latest))
    } else {
        return Ok(());
    };
    Err(ErrorAnswer { message, ..ErrorAnswer::named("InvalidSignatureException") })
}

/// As RFC 9110 writes a date.
fn http_date(seconds: i64) -> Option<String> {
    let form =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    OffsetDateTime::from_unix_timestamp(seconds).ok()?.format(form).ok()
}

/// An answer on the wire.
///
/// # Errors
/// [`Lost`] where there is none, so that the connection is closed.
pub(crate) fn response(
    outcome: CallReply,
    error_header: bool,
    service_time: Option<i64>,
) -> Result<Response<AnswerBody>, Lost> {
    let mut answer = Response::builder().header("x-amzn-requestid", outcome.request_id);
    if let Some(date) = service_time.and_then(http_date) {
        answer = answer.header(DATE, date);
    }
    let mut content = "application/x-amz-json-1.1";
    let (status, body) = match outcome.reply {
        Reply::Json(json) => (200, whole(json)),
        Reply::Error(error) => {
            let body = whole(error.body());
            if error.header.unwrap_or(error_header) {
                answer = answer.header("x-amzn-errortype", error.kind);
            }
            (if (400..600).contains(&error.status) { error.status } else { 500 }, body)
        }
        Reply::Html(status) => {
            content = "text/html";
            (status, whole(HTML))
        }
        Reply::Truncated(json) => {
            answer = answer.header(CONTENT_LENGTH, json.len().max(2));
            let data = json.as_bytes().get(..json.len() / 2).map(Bytes::copy_from_slice);
            (200, HalfBody { data, flushed: false }.boxed_unsync())
        }
        Reply::Closed => return Err(Lost),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.status(status).header(CONTENT_TYPE, content).body(body).map_err(|_| Lost)
}

/// A body in order.
pub(crate) fn whole(data: impl Into<Bytes>) -> AnswerBody {
    Full::new(data.into()).map_err(|never| match never {}).boxed_unsync()
}

impl Body for HalfBody {
    type Data = Bytes;
    type Error = Lost;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if self.flushed {
            return Poll::Ready(Some(Err(Lost)));
        }
        // The data leaves before the connection breaks.
        self.flushed = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
