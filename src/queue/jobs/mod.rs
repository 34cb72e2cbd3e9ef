//! Jobs as the dispatcher and the tracker change them.

pub(in crate::queue) mod claims;
pub(in crate::queue) mod recovery;
pub(in crate::queue) mod remaining;
pub(in crate::queue) mod retry_waits;
pub(in crate::queue) mod transition;
pub(in crate::queue) mod wakers;
pub(in crate::queue) mod write_transitions;
