//! The promises, held against what a run left behind: what arrived at Lightsail, what Lightsail made of it, and what
//! the database says. Pure, and it takes nobody's word: where the wire and the history can both tell, both are asked.

mod evidence;
mod keeping;
mod limit;
mod promise;
mod sending;

pub use evidence::{
    CallKind, Disturbances, LaneSnapshot, Life, Made, Mark, ObservedCall, PromisedLimits, ReportedBatch, ReportedRow,
    RunEvidence, Sent, Settling,
};
pub use promise::{Count, Finding, Findings, Promise};

#[cfg(test)]
mod tests;
