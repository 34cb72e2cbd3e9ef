//! The log of every call that arrived.

use serde::{Deserialize, Serialize};

/// A call that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// When, in milliseconds since the simulator began.
    pub at_ms: u64,
    /// The account, empty where the call named none.
    pub account: String,
    /// The Region, empty where the call named none.
    pub region: String,
    /// The operation as the caller wrote it.
    pub operation: String,
    /// The snapshot, resource or operation id that it names.
    pub name: Option<String>,
    /// `ok`, an error's name, or `closed`, `truncated`, `garbled`, `html-STATUS`.
    pub answer: String,
    /// Whether it began an export.
    pub effect: bool,
    /// The answer's `x-amzn-requestid`.
    pub request_id: String,
}
