//! HTTP on either side of the engine: whose a request is, and the form of an answer, broken ones too.

use crate::api::engine::{CallReply, Reply};
use crate::api::errors::ErrorAnswer;
use crate::setup::config::LaneAddress;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap};
use hyper::{Response, StatusCode};
use std::pin::Pin;
use std::task::{Context, Poll};
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
#[derive(Debug)]
pub(crate) struct AnswerBody {
    data: Option<Bytes>,
    end: End,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// Broken off, once what there is has had a chance to leave.
    Flushing,
    Broken,
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

/// Holds the time that a request was signed with against the service's, in seconds since 1970, where that is given.
///
/// # Errors
/// `InvalidSignatureException` in AWS's words where the two are more than 5 minutes apart.
pub(crate) fn signed_in_time(headers: &HeaderMap, service_time: Option<i64>) -> Result<(), ErrorAnswer> {
    let form = format_description!("[year][month][day]T[hour][minute][second]Z");
    let signed = headers.get("x-amz-date").and_then(|value| PrimitiveDateTime::parse(value.to_str().ok()?, form).ok());
    let (Some(signed), Some(now)) = (signed, service_time) else { return Ok(()) };
    let text = |seconds: i64| {
        let at = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|at| at.format(form).ok());
        at.unwrap_or_default()
    };
    let (signed, bound) = (signed.assume_utc().unix_timestamp(), 300);
    let message = if signed < now - bound {
        format!(
            "Signature expired: {} is now earlier than {} ({} - 5 min.)",
            text(signed),
            text(now - bound),
            text(now)
        )
    } else if signed > now + bound {
        let latest = text(now + bound);
        format!("Signature not yet current: {} is still later than {latest} ({} + 5 min.)", text(signed), text(now))
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
    let answer = Response::builder().header("x-amzn-requestid", outcome.request_id);
    let date = service_time.and_then(http_date);
    let answer = match date {
        Some(date) => answer.header(DATE, date),
        None => answer,
    };
    let json = |status: u16| (status, "application/x-amz-json-1.1");
    let mut error_kind = None;
    let mut claimed = None;
    let ((status, content), body) = match outcome.reply {
        Reply::Json(json_text) => (json(200), AnswerBody::whole(json_text)),
        Reply::Error(error) => {
            let body = AnswerBody::whole(error.body());
            let status = if (400..600).contains(&error.status) { error.status } else { 500 };
            error_kind = error.header.unwrap_or(error_header).then_some(error.kind);
            (json(status), body)
        }
        Reply::Html(status) => ((status, "text/html"), AnswerBody::whole(HTML)),
        Reply::Truncated(whole) => {
            claimed = Some(whole.len().max(2));
            let half = whole.as_bytes().get(..whole.len() / 2).map(Bytes::copy_from_slice);
            (json(200), AnswerBody { data: half, end: End::Flushing })
        }
        Reply::Closed => return Err(Lost),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let answer = answer.status(status).header(CONTENT_TYPE, content);
    let answer = match (error_kind, claimed) {
        (Some(kind), _) => answer.header("x-amzn-errortype", kind),
        (None, Some(length)) => answer.header(CONTENT_LENGTH, length),
        (None, None) => answer,
    };
    answer.body(body).map_err(|_| Lost)
}

impl AnswerBody {
    /// A body in order.
    pub(crate) fn whole(data: impl Into<Bytes>) -> Self {
        Self { data: Some(data.into()), end: End::Whole }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Lost;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Lost>>> {
        match (self.data.take(), self.end) {
            (Some(data), _) => Poll::Ready(Some(Ok(Frame::data(data)))),
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Flushing) => {
                self.end = End::Broken;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            (None, End::Broken) => Poll::Ready(Some(Err(Lost))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.data, self.end) {
            (Some(data), End::Whole) => SizeHint::with_exact(u64::try_from(data.len()).unwrap_or(u64::MAX)),
            (None, End::Whole) => SizeHint::with_exact(0),
            (_, End::Flushing | End::Broken) => SizeHint::default(),
        }
    }
}
