//! The errors of the wire.

use serde::{Deserialize, Serialize};

/// An error as Lightsail answers with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorAnswer {
    /// The HTTP status, 400 to 599; anything else goes out as 500.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// The body's `__type`.
    #[serde(rename = "__type")]
    pub kind: String,
    /// The body's `code`, which may be another word; left out of the body where there is none.
    #[serde(default)]
    pub code: Option<String>,
    /// The body's `message`.
    #[serde(default)]
    pub message: String,
    /// Whether the header `x-amzn-errortype` names it; as the simulator does in general where there is nothing.
    #[serde(default)]
    pub header: Option<bool>,
}

fn bad_request() -> u16 {
    400
}

impl ErrorAnswer {
    /// An error with the status that AWS gives it, and nothing but its name.
    #[must_use]
    pub fn named(kind: &str) -> Self {
        let status = match kind {
            "ServiceException" | "InternalFailure" | "InternalServerError" => 500,
            "ServiceUnavailable" | "ServiceUnavailableException" | "SlowDown" => 503,
            "InvalidSignatureException" | "InvalidClientTokenId" => 403,
            "TooManyRequestsException" => 429,
            _ => 400,
        };
        let message = match kind {
            "ServiceException" => "An error occurred with the service. Please try again later.",
            "ThrottlingException" | "Throttling" => "Rate exceeded",
            "ExpiredTokenException" => "The security token included in the request is expired",
            "UnrecognizedClientException" => "The security token included in the request is invalid.",
            "AccessDeniedException" => "User is not authorized to perform: lightsail:ExportSnapshot",
            "MissingAuthenticationTokenException" => "Missing Authentication Token",
            _ => "Simulated",
        };
        Self { status, kind: kind.to_owned(), code: None, message: message.to_owned(), header: None }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::named("InvalidInputException") }
    }

    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::named("SerializationException") }
    }

    pub(crate) fn unknown_operation() -> Self {
        Self { message: String::new(), ..Self::named("UnknownOperationException") }
    }

    pub(crate) fn not_found(resource: &str, name: &str) -> Self {
        let message = format!("The {resource} does not exist: {name}");
        Self { code: Some("DoesNotExist".to_owned()), message, ..Self::named("NotFoundException") }
    }

    pub(crate) fn body(&self) -> String {
        let mut body = serde_json::json!({
            "__type": self.kind,
            "message": self.message,
            "docs": "https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/CommonErrors.html",
            "tip": null,
        });
        if let (Some(body), Some(code)) = (body.as_object_mut(), &self.code) {
            body.insert("code".to_owned(), code.as_str().into());
        }
        body.to_string()
    }
}
