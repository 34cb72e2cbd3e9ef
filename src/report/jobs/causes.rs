//! Why jobs did not succeed, by code and message: messages that differ only in names and numbers count as one.

use crate::domain::{ErrorCode, JobId, Timestamp};
use crate::queue::JobView;
use serde::Serialize;
use std::collections::BTreeMap;

/// The maximum number of causes; the jobs of any further ones are only counted.
const MOST: usize = 1000;

/// Characters of a message.
const LONGEST: usize = 300;

/// Jobs that are named per cause.
pub(in crate::report) const NAMED: usize = 8;

/// Failed jobs, grouped by cause in bounded memory.
#[derive(Debug, Clone, Default)]
pub struct FailureCauses {
    causes: BTreeMap<(String, String), FailureCause>,
    others: u64,
}

/// Jobs that failed with the same code and the same kind of message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FailureCause {
    /// The code; empty if there is none.
    pub error_code: String,
    /// The message, with an ellipsis for names, ids and numbers.
    pub message: String,
    /// How many jobs.
    pub count: u64,
    /// When the first of them ended.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub first_seen: Option<Timestamp>,
    /// When the last of them ended.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub last_seen: Option<Timestamp>,
    /// The first of them, at most eight.
    pub jobs: Vec<JobId>,
}

impl FailureCauses {
    pub(in crate::report) fn add(&mut self, job: &JobView) {
        let error_code = job.error_code.as_ref().map_or("", ErrorCode::as_str).to_owned();
        let message = normalised(job.error_message.as_deref().unwrap_or_default(), job.snapshot_name.as_str());
        let key = (error_code.clone(), message.clone());
        if !self.causes.contains_key(&key) && self.causes.len() >= MOST {
            self.others += 1;
            return;
        }
        let new = || FailureCause { error_code, message, ..FailureCause::default() };
        let cause = self.causes.entry(key).or_insert_with(new);
        cause.count += 1;
        cause.first_seen = cause.first_seen.into_iter().chain(job.finished_at).min();
        cause.last_seen = cause.last_seen.max(job.finished_at);
        if cause.jobs.len() < NAMED {
            cause.jobs.push(job.id);
        }
    }

    /// The most frequent causes first, at most `most`; and how many jobs the others have.
    pub(in crate::report) fn first(&self, most: usize) -> (Vec<&FailureCause>, u64) {
        let mut all: Vec<&FailureCause> = self.causes.values().collect();
        // A stable sort: equally frequent ones stay in alphabetical order.
        all.sort_by_key(|cause| std::cmp::Reverse(cause.count));
        let rest = all.split_off(most.min(all.len()));
        let others = rest.iter().map(|cause| cause.count).sum::<u64>() + self.others;
        (all, others)
    }

    /// The number of different causes.
    pub(in crate::report) fn kinds(&self) -> usize {
        self.causes.len()
    }

    /// The number of different causes with that code.
    pub(in crate::report) fn of_code(&self, code: &str) -> usize {
        self.causes.keys().filter(|(one, _)| one == code).count()
    }
}

/// A message without what belongs to a single job: the snapshot's name, and words with a digit (ids, ARNs, times,
/// numbers) become an ellipsis.
pub(in crate::report) fn normalised(message: &str, name: &str) -> String {
    let words = message.split_whitespace().take(LONGEST).map(|word| {
        // Quotes, brackets and punctuation are no part of a word.
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        let own = core == name || (core.chars().any(|c| c.is_ascii_digit()) && !is_service(core));
        if own && !core.is_empty() { word.replacen(core, "\u{2026}", 1) } else { word.to_owned() }
    });
    shortened(&words.collect::<Vec<_>>().join(" "), LONGEST)
}

/// Names of services with a digit, and of their actions such as ec2:CopySnapshot, belong to no single job.
fn is_service(word: &str) -> bool {
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
pub(in crate::report) mod tests {
    use super::*;
    use crate::domain::{AccountLabel, BatchName, JobState, Lane, Region, SnapshotName};

    /// A job that failed at `at`.
    pub(in crate::report) fn failed(id: i64, code: Option<&str>, message: Option<&str>, at: Option<i64>) -> JobView {
        JobView {
            id: JobId(id),
            batch: BatchName::parse("b").expect("a name"),
            line: 2,
            lane: Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") },
            snapshot_name: SnapshotName::parse("web").expect("a name"),
            priority: 0,
            export_again: false,
            state: JobState::Failed,
            hold: None,
            paused_at: None,
            due_at: None,
            attempts: 1,
            used: 1,
            weight: 1,
            source_arn: None,
            adopted: false,
            operation_id: None,
            record_arn: None,
            record_name: None,
            destination_service: None,
            destination_id: None,
            error_code: code.map(ErrorCode::new),
            error_message: message.map(str::to_owned),
            queued_at: Timestamp(0),
            submitted_at: None,
            finished_at: at.map(Timestamp),
            next_poll_at: None,
        }
    }

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
        let mut causes = FailureCauses::default();
        for number in 0..2000_i64 {
            let letters: String = number.to_string().bytes().map(|b| char::from(b - b'0' + b'a')).collect();
            causes.add(&failed(number, Some("Odd"), Some(&letters), Some(2000 - number)));
            causes.add(&failed(number, Some("Even"), Some("the same"), Some(2000 - number)));
        }
        causes.add(&failed(1, None, None, None));
        assert_eq!((causes.kinds(), causes.of_code("Even")), (MOST, 1));
        let (first, others) = causes.first(10);
        assert_eq!((&*first[0].error_code, &*first[0].message, first[0].count), ("Even", "the same", 2000));
        assert_eq!((first[0].first_seen, first[0].last_seen), (Some(Timestamp(1)), Some(Timestamp(2000))));
        assert_eq!(first[0].jobs, (0..8).map(JobId).collect::<Vec<_>>());
        assert_eq!(first.iter().map(|cause| cause.count).sum::<u64>() + others, 4001);
    }
}
