//! The promises, held against what a run left behind: what arrived at Lightsail, what Lightsail made of it, and what
//! the database says. Pure, and it trusts neither side: where the wire and the history both show something, both are checked.

mod evidence;
mod keeping;
mod limit;
mod promise;
mod sending;

pub use evidence::{
    CallKind, LaneSnapshot, Life, Made, Mark, ObservedCall, PromisedLimits, ReportedBatch, ReportedRow, RunEvidence,
    Sent, Settling,
};
pub use promise::{Count, Finding, Findings, Promise};

#[cfg(test)]
mod tests;
