//! The promises, held against what a run left behind: what arrived at Lightsail, what Lightsail made of it, and what
//! the database says. Pure, and it takes nobody's word: where the wire and the history can both tell, both are asked.

mod evidence;
mod keeping;
mod limit;
mod promise;
mod sending;

pub use evidence::{
    Batch, Call, CallKind, Evidence, Life, Limits, Line, Made, Mark, Sent, Settling, Subject, Troubles,
};
pub use promise::{Count, Finding, Promise, Verdict};

#[cfg(test)]
mod tests;
