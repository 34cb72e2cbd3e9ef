//! Values of the command line that need a message of their own.

use crate::domain::JobId;
use std::num::NonZeroU64;
use std::time::Duration;

/// A job's number.
pub(crate) fn job(text: &str) -> Result<JobId, String> {
    text.parse().map_err(|_| "a job is a number, as listed by `snapferry jobs`".to_owned())
}

/// A duration.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "write a duration as 30s, 10m, 2h or 1h 30m".to_owned())
}

/// A number of rows, at least one.
pub(crate) fn rows(text: &str) -> Result<u64, String> {
    text.parse::<NonZeroU64>().map(NonZeroU64::get).map_err(|_| "expected a whole number from 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_word_says_how_it_is_written() {
        assert!(job("abc").expect_err("no number").contains("snapferry jobs"));
        assert!(span("bogus").expect_err("no duration").contains("30s"));
        assert!(rows("0").expect_err("nothing to take").contains("from 1"));
        assert_eq!((job("12"), span("1h 30m"), rows("3")), (Ok(JobId(12)), Ok(Duration::from_mins(90)), Ok(3)));
    }
}
