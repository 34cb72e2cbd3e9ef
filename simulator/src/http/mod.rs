//! The simulator behind a socket.

pub(crate) mod control;
pub(crate) mod server;
pub(crate) mod wire;
