//! Text, tables, colours and files.

pub(in crate::report) mod output;
pub(in crate::report) mod sheet;
pub(in crate::report) mod style;
pub(in crate::report) mod table;
pub(in crate::report) mod words;
