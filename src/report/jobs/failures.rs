//! What failed, by cause: how often, from when to when, whether a retry can help, and the command that retries just that.

use crate::domain::{JobId, Timestamp};
use crate::queue::{JobView, Queue, QueueError, Selector};
use crate::report::jobs::advice::advice;
use crate::report::jobs::causes::{Causes, FailureCause, NAMED};
use crate::report::layout::style::{Paint, TextStyle};
use crate::report::layout::words::{grouped, moment, one_line, period, quoted, several};
use serde::Serialize;

/// Jobs that are held at once.
const PAGE: u32 = 1000;

/// Jobs of one code and one kind of message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// The code; empty where there is none.
    pub error_code: String,
    /// The message, with an ellipsis for names, ids and numbers.
    pub message: String,
    /// How many jobs.
    pub count: u64,
    /// When the first of them ended, as far as they have.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub first_seen: Option<Timestamp>,
    /// When the last of them did.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub last_seen: Option<Timestamp>,
    /// Whether a retry can help: `yes`, `after_change` or `perhaps`.
    pub retry_helps: &'static str,
    /// The same in words.
    pub advice: String,
    /// The command that retries them.
    pub command: String,
    /// The jobs of other groups that the command would retry as well.
    pub command_takes_more: bool,
    /// The first of them, at most eight.
    pub jobs: Vec<JobId>,
}

/// What failed, by cause, the most frequent first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// How many jobs were looked at.
    pub looked_at: u64,
    /// The groups.
    pub groups: Vec<FailureGroup>,
    /// Groups that are left out.
    pub more_groups: u64,
    /// Jobs of the groups that are left out.
    pub more_jobs: u64,
}

/// Gathers what failed, in bounded memory.
#[derive(Debug, Default)]
pub struct FailureCollector {
    causes: Causes,
    looked_at: u64,
}

impl FailureCollector {
    /// Takes jobs up.
    pub fn add(&mut self, jobs: &[JobView]) {
        for job in jobs {
            self.looked_at += 1;
            self.causes.add(job.into());
        }
    }

    /// Every job that is meant, page by page.
    pub async fn all(queue: &Queue, selector: &Selector) -> Result<Self, QueueError> {
        let (mut gathered, mut after) = (Self::default(), None);
        loop {
            let jobs = queue.jobs_page(selector, after, PAGE).await?;
            gathered.add(&jobs);
            after = jobs.last().map(|job| job.id);
            if jobs.len() < PAGE as usize {
                return Ok(gathered);
            }
        }
    }

    /// The groups, at most `most`; `scope` is what selects the same jobs on a command line, with a blank before it.
    pub fn groups(&self, most: usize, scope: &str) -> Failures {
        let (first, more_jobs) = self.causes.first(most);
        let groups: Vec<FailureGroup> = first.into_iter().map(|cause| self.group(&cause, scope)).collect();
        let more_groups = self.causes.kinds().saturating_sub(groups.len());
        Failures { looked_at: self.looked_at, groups, more_groups: more_groups as u64, more_jobs }
    }

    fn group(&self, cause: &FailureCause<'_>, scope: &str) -> FailureGroup {
        let (helps, words) = advice(cause.code, cause.message);
        let alone = self.causes.of_code(cause.code) == 1;
        let few = cause.count <= NAMED as u64;
        let (command, takes_more) = if (alone || !few) && !cause.code.is_empty() {
            (format!("snapferry retry --state failed --error {}{scope}", quoted(cause.code)), !alone)
        } else {
            let jobs: Vec<String> = cause.jobs.iter().map(ToString::to_string).collect();
            (format!("snapferry retry {}", jobs.join(" ")), false)
        };
        FailureGroup {
            error_code: cause.code.to_owned(),
            message: cause.message.to_owned(),
            count: cause.count,
            first_seen: cause.first,
            last_seen: cause.last,
            retry_helps: helps.as_str(),
            advice: words,
            command,
            command_takes_more: takes_more,
            jobs: cause.jobs.to_vec(),
        }
    }
}

/// The groups as text; it ends with a line end.
pub fn failures_text(failures: &Failures, look: TextStyle) -> String {
    if failures.looked_at == 0 {
        return "Nothing failed.\n".to_owned();
    }
    let causes = failures.groups.len() as u64 + failures.more_groups;
    let mut lines = vec![format!("{}, {}", several(failures.looked_at, "job"), several(causes, "cause"))];
    for group in &failures.groups {
        lines.push(String::new());
        lines.extend(group_lines(group, look));
    }
    if failures.more_jobs > 0 {
        lines.push(String::new());
        lines.push(format!("and {} of other causes", several(failures.more_jobs, "job")));
    }
    look.lay_out(lines)
}

/// A group, in lines.
pub(in crate::report) fn group_lines(group: &FailureGroup, look: TextStyle) -> Vec<String> {
    let code = if group.error_code.is_empty() { "(no code)" } else { &group.error_code };
    let when = match (group.first_seen, group.last_seen) {
        (Some(first), Some(last)) => format!(", {}", period(first, last)),
        (Some(only), None) | (None, Some(only)) => format!(", at {}", moment(only)),
        (None, None) => String::new(),
    };
    let title = look.colour.paint(Paint::Bad, code);
    let mut lines = vec![format!("{}  {title}{when}", grouped(group.count))];
    if !group.message.is_empty() {
        lines.push(format!("  {}", one_line(&group.message)));
    }
    lines.push(format!("  {}", group.advice));
    lines.push(format!("    {}", group.command));
    if group.command_takes_more {
        lines.push("    which takes the other groups of that code as well".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ErrorCode;
    use crate::report::jobs::advice::RetryAdvice;
    use crate::report::jobs::causes::Failed;

    fn gathered(failed: &[(i64, &str, &str)]) -> FailureCollector {
        let mut gathered = FailureCollector::default();
        for (job, code, message) in failed {
            gathered.looked_at += 1;
            gathered.causes.add(Failed {
                job: JobId(*job),
                name: "x",
                code: Some(&ErrorCode::new(code)),
                message: Some(message),
                at: Some(Timestamp(*job * 1000)),
            });
        }
        gathered
    }

    #[test]
    fn a_command_takes_just_its_group_or_says_that_it_takes_more() {
        let one = gathered(&[(1, "A", "m"), (2, "A", "m")]).groups(9, " --batch b");
        assert_eq!(one.groups[0].command, "snapferry retry --state failed --error A --batch b");
        let two = gathered(&[(1, "A", "m"), (2, "A", "m"), (3, "A", "n")]).groups(9, " --batch b");
        assert_eq!(two.groups[0].command, "snapferry retry 1 2");
        assert_eq!((two.groups[1].command.as_str(), two.groups[1].command_takes_more), ("snapferry retry 3", false));
        let mut many: Vec<(i64, &str, &str)> = (1..=9).map(|job| (job, "A", "m")).collect();
        many.push((10, "A", "n"));
        let many = gathered(&many).groups(1, "");
        assert_eq!(many.groups[0].command, "snapferry retry --state failed --error A");
        assert!(many.groups[0].command_takes_more);
        assert_eq!((many.looked_at, many.more_groups, many.more_jobs), (10, 1, 1));
    }

    #[test]
    fn what_a_retry_does_is_said_in_a_word() {
        let words: Vec<&str> =
            [RetryAdvice::Yes, RetryAdvice::AfterChange, RetryAdvice::Perhaps].map(RetryAdvice::as_str).into();
        assert_eq!(words, ["yes", "after_change", "perhaps"]);
    }
}
