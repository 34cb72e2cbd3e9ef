//! A batch's report.

pub(in crate::report) mod column_values;
pub(in crate::report) mod report_lines;
