//! Names, Regions and text: what is valid, and what was probably meant.

pub(in crate::domain) mod error_code;
pub(in crate::domain) mod names;
pub(in crate::domain) mod near;
pub(in crate::domain) mod region;
