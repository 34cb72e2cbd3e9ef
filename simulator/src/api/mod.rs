//! What Lightsail's API answers.

pub(crate) mod engine;
pub(crate) mod errors;
pub(crate) mod paging;
pub(crate) mod reads;
pub(crate) mod shapes;
