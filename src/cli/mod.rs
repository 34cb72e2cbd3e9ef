//! The command line: an argument becomes a call, a result becomes text.

mod simulate;

pub use simulate::{SimulateArgs, simulate};
