//! A batch's report.

pub(in crate::report) mod columns;
pub(in crate::report) mod report;
