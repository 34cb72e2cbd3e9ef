//! Identifiers as types of their own, so that a batch's number cannot stand where a job's is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

/// Texts of a type of their own; each type says how one is made.
macro_rules! text {
    ($($(#[$doc:meta])* pub struct $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    )+};
}
pub(in crate::domain) use text;

macro_rules! text_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        text! {
            #[$doc]
            pub struct $name;
        }

        impl $name {
            /// Takes the identifier as the service or the database gave it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }
    )+};
}

number_id! {
    /// A job's number in the database.
    JobId,
    /// A batch's number in the database.
    BatchId,
    /// The number of an opening of a breaker.
    OpeningId,
    /// A lane's number in the database.
    LaneId,
    /// The number of one start of the daemon; fresh for each start.
    RunId,
}

text_id! {
    /// The id of a Lightsail operation.
    OperationId,
    /// What identifies an export snapshot record: its ARN, or its name where the service gave no ARN.
    RecordArn,
    /// The ARN of a snapshot: what tells two snapshots apart that carried one name in turn.
    SnapshotArn,
}
