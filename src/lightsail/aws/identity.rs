//! Whose credentials they are: STS answers this for any valid credentials, whatever they permit.

use super::super::CallError;
use super::super::classify::{ErrorEvidence, classify};
use super::access::{self, AccountAccess, SharedHttp};
use super::call::{self, CallProbe};
use crate::domain::{AccountNumber, Region};
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use std::time::Duration;

/// Who the credentials say that we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account.
    pub account: Option<AccountNumber>,
    /// The user or the session of a role.
    pub arn: String,
}

/// Asks STS for the identity behind an account's credentials: one call, without an effect.
///
/// # Errors
/// [`CallError`]: of the class `Credentials` where they do not work; any other says nothing of them.
pub async fn caller_identity(
    access: &AccountAccess,
    region: Region,
    patience: Duration,
    http: &SharedHttp,
) -> Result<CallerIdentity, CallError> {
    let client = access::sts(access, region, patience, http).await;
    let probe = CallProbe::default();
    match probe.watch(client.get_caller_identity().send()).await {
        Ok(output) => Ok(CallerIdentity {
            account: output.account().and_then(|number| AccountNumber::parse(number).ok()),
            arn: output.arn.unwrap_or_default(),
        }),
        Err(error) => Err(explain(&error, &probe)),
    }
}

/// STS answers in XML, of which the SDK makes a code and a message.
fn explain(error: &SdkError<GetCallerIdentityError>, probe: &CallProbe) -> CallError {
    let (Some(raw), Some(said)) = (error.raw_response(), error.as_service_error()) else {
        return call::explain(error, probe);
    };
    let body = serde_json::json!({ "message": said.message().unwrap_or_default() }).to_string();
    classify(&ErrorEvidence {
        status: raw.status().as_u16(),
        header: said.code(),
        body: body.as_bytes(),
        request_id: raw.headers().get("x-amzn-requestid"),
        clock_ahead: probe.clock_ahead(),
    })
}
