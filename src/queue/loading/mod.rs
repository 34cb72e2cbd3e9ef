//! Loading a CSV's rows into a batch.

pub(in crate::queue) mod chunk;
pub(in crate::queue) mod leftovers;
pub(in crate::queue) mod load;
pub(in crate::queue) mod preview;
