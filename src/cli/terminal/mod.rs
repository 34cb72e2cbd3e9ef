//! Arguments, standard error and logs.

pub(in crate::cli) mod held;
pub(in crate::cli) mod logging;
pub(in crate::cli) mod parsers;
pub(in crate::cli) mod screen;
pub(in crate::cli) mod stderr;
