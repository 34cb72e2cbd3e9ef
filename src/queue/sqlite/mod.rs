//! The database: opening it, connections and transactions.

pub(in crate::queue) mod busy_retry;
pub(in crate::queue) mod connection;
pub(in crate::queue) mod decode;
pub(in crate::queue) mod look;
pub(in crate::queue) mod open;
pub(in crate::queue) mod readers;
pub(in crate::queue) mod writer;
