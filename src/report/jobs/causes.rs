//! Why jobs did not succeed: by code and by message, where messages that differ in names and numbers alone are one.

use crate::domain::{ErrorCode, JobId, Timestamp};
use crate::queue::JobView;
use std::collections::BTreeMap;

/// Causes that are told apart; what is more stands under one more.
const MOST: usize = 1000;

/// Of a message, so much.
const LONGEST: usize = 300;

/// Jobs of a cause that are named.
pub(in crate::report) const NAMED: usize = 8;

/// Causes, counted.
#[derive(Debug, Clone, Default)]
pub(in crate::report) struct Causes {
    causes: BTreeMap<(String, String), MessageText>,
    others: u64,
}

#[derive(Debug, Clone, Default)]
struct MessageText {
    count: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    jobs: Vec<JobId>,
}

/// A cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct FailureCause<'a> {
    pub(in crate::report) code: &'a str,
    pub(in crate::report) message: &'a str,
    pub(in crate::report) count: u64,
    /// When the first and the last of them ended.
    pub(in crate::report) first: Option<Timestamp>,
    pub(in crate::report) last: Option<Timestamp>,
    /// The first ones, at most [`NAMED`].
    pub(in crate::report) jobs: &'a [JobId],
}

/// What did not succeed.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Failed<'a> {
    pub(in crate::report) job: JobId,
    pub(in crate::report) name: &'a str,
    pub(in crate::report) code: Option<&'a ErrorCode>,
    pub(in crate::report) message: Option<&'a str>,
    pub(in crate::report) at: Option<Timestamp>,
}

impl<'a> From<&'a JobView> for Failed<'a> {
    fn from(job: &'a JobView) -> Self {
        Self {
            job: job.id,
            name: job.snapshot_name.as_str(),
            code: job.error_code.as_ref(),
            message: job.error_message.as_deref(),
            at: job.finished_at,
        }
    }
}

impl Causes {
    pub(in crate::report) fn add(&mut self, failed: Failed<'_>) {
        let code = failed.code.map_or("", ErrorCode::as_str).to_owned();
        let key = (code, normalised(failed.message.unwrap_or_default(), failed.name));
        if !self.causes.contains_key(&key) && self.causes.len() >= MOST {
            self.others += 1;
            return;
        }
        let told = self.causes.entry(key).or_default();
        told.count += 1;
        told.first = match (told.first, failed.at) {
            (Some(first), Some(at)) => Some(first.min(at)),
            (first, at) => first.or(at),
        };
        told.last = told.last.max(failed.at);
        if told.jobs.len() < NAMED {
            told.jobs.push(failed.job);
        }
    }

    /// The most frequent ones, at most `most`, the most frequent first; and how many jobs the others have.
    pub(in crate::report) fn first(&self, most: usize) -> (Vec<FailureCause<'_>>, u64) {
        let causes = self.causes.iter().map(|((code, message), told)| {
            let MessageText { count, first, last, ref jobs } = *told;
            FailureCause { code, message, count, first, last, jobs }
        });
        let mut all: Vec<FailureCause<'_>> = causes.collect();
        // A stable sort: what is equally frequent stays in the order of the alphabet.
        all.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        let rest = all.split_off(most.min(all.len()));
        let others = rest.iter().map(|cause| cause.count).sum::<u64>() + self.others;
        (all, others)
    }

    /// How many causes are told apart.
    pub(in crate::report) fn kinds(&self) -> usize {
        self.causes.len()
    }

    /// How many of them have that code.
    pub(in crate::report) fn of_code(&self, code: &str) -> usize {
        self.causes.keys().filter(|(one, _)| one == code).count()
    }
}

/// A message without what is a single job's own: the snapshot's name, and words with a digit (ids, ARNs, times, numbers)
/// become an ellipsis.
pub(in crate::report) fn normalised(message: &str, name: &str) -> String {
    let mut text = String::new();
    for word in message.split_whitespace() {
        if !text.is_empty() {
            text.push(' ');
        }
        // Quotes, brackets and the ends of sentences are no part of a word.
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        let own = core == name || (core.chars().any(|c| c.is_ascii_digit()) && !is_service(core));
        match word.find(core).filter(|_| own && !core.is_empty()) {
            Some(at) => {
                text.push_str(word.get(..at).unwrap_or_default());
                text.push('\u{2026}');
                text.push_str(word.get(at + core.len()..).unwrap_or_default());
            }
            None => text.push_str(word),
        }
        if text.len() > LONGEST {
            break;
        }
    }
    shortened(&text, LONGEST)
}

/// Names of services that have a digit.
fn is_service(word: &str) -> bool {
    // Of an action's name, such as ec2:CopySnapshot, none is a job's own.
    matches!(word, "EC2" | "S3" | "IPv4" | "IPv6" | "SHA256") || word.starts_with("ec2:")
}

/// At most `most` characters, with an ellipsis for what is left out.
pub(in crate::report) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default().trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_one_kind_are_one() {
        for (message, name, wanted) in [
            ("no snapshot of the name \"web-33\" in eu-west-1.", "web-33", "no snapshot of the name \"…\" in …."),
            ("the copy to EC2 failed after 312 s (op-8f1)", "x", "the copy to EC2 failed after … s (…)"),
            ("mail is gone, mailbox is not", "mail", "… is gone, mailbox is not"),
            ("two\tlines of 17", "x", "two lines of …"),
            ("  two\n lines ", "x", "two lines"),
            ("!? ...", "x", "!? ..."),
            ("", "x", ""),
        ] {
            assert_eq!(normalised(message, name), wanted);
        }
        let long = normalised(&"wide ".repeat(500), "x");
        assert!(long.ends_with("wide\u{2026}") && long.chars().count() <= LONGEST + 1, "{long}");
    }

    #[test]
    fn the_most_frequent_stand_first_and_none_is_lost() {
        let mut causes = Causes::default();
        for number in 0..2000_u32 {
            let letters: String = number.to_string().bytes().map(|b| char::from(b - b'0' + b'a')).collect();
            let at = Some(Timestamp(i64::from(2000 - number)));
            let failed = Failed { job: JobId(i64::from(number)), name: "n", code: None, message: None, at };
            causes.add(Failed { code: Some(&ErrorCode::new("Odd")), message: Some(&letters), ..failed });
            causes.add(Failed { code: Some(&ErrorCode::new("Even")), message: Some("the same"), ..failed });
        }
        causes.add(Failed { job: JobId(1), name: "n", code: None, message: None, at: None });
        assert_eq!((causes.kinds(), causes.of_code("Even")), (MOST, 1));
        let (first, others) = causes.first(10);
        assert_eq!((first[0].code, first[0].message, first[0].count), ("Even", "the same", 2000));
        assert_eq!((first[0].first, first[0].last), (Some(Timestamp(1)), Some(Timestamp(2000))));
        assert_eq!(first[0].jobs, (0..8).map(JobId).collect::<Vec<_>>());
        assert_eq!(first.iter().map(|cause| cause.count).sum::<u64>() + others, 4001);
    }
}
