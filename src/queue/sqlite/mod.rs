//! The database: opening it, connections, transactions and checkpoints.

pub(in crate::queue) mod busy_retry;
pub(in crate::queue) mod checkpoints;
pub(in crate::queue) mod connection;
pub(in crate::queue) mod decode;
pub(in crate::queue) mod open;
pub(in crate::queue) mod readers;
pub(in crate::queue) mod writer;
