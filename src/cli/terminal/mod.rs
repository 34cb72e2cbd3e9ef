//! Arguments, standard error and logs.

pub(crate) mod buffered;
pub(crate) mod logging;
pub(crate) mod parsers;
pub(crate) mod screen;
pub(crate) mod stderr;
