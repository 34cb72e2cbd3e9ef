//! What failed, by cause: how often, from when to when, whether a retry can help, and the command that retries just that.

use crate::queue::{Queue, QueueError, Selector};
use crate::report::jobs::causes::{FailureCause, FailureCauses, NAMED};
use crate::report::jobs::retry_advice::{RetryAdvice, advice};
use crate::report::layout::style::{Paint, TextStyle};
use crate::report::layout::words::{grouped, one_line, period, quoted, several};
use serde::Serialize;

/// Jobs per page.
const PAGE: u32 = 1000;

/// Failed jobs with one cause, and what to do about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// The cause.
    #[serde(flatten)]
    pub cause: FailureCause,
    /// Whether a retry can help.
    pub retry_helps: RetryAdvice,
    /// The same in words.
    pub advice: String,
    /// The command that retries them.
    pub command: String,
    /// Whether the command also retries jobs of other groups.
    pub command_takes_more: bool,
}

/// What failed, by cause, the most frequent first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// The failed jobs that were counted.
    pub failed_jobs: u64,
    /// The groups.
    pub groups: Vec<FailureGroup>,
    /// How many groups are left out.
    pub more_groups: u64,
    /// How many jobs the groups left out have.
    pub more_jobs: u64,
}

impl FailureCauses {
    /// The causes of the selected jobs, read page by page.
    pub async fn read(queue: &Queue, selector: &Selector) -> Result<Self, QueueError> {
        let (mut causes, mut after) = (Self::default(), None);
        loop {
            let jobs = queue.jobs_page(selector, after, PAGE).await?;
            for job in &jobs {
                causes.add(job);
            }
            after = jobs.last().map(|job| job.id);
            if jobs.len() < PAGE as usize {
                return Ok(causes);
            }
        }
    }

    /// The groups, at most `most`; `scope` selects the same jobs on a command line, with a space before it.
    pub fn groups(&self, most: usize, scope: &str) -> Failures {
        let (first, more_jobs) = self.first(most);
        Failures {
            failed_jobs: first.iter().map(|cause| cause.count).sum::<u64>() + more_jobs,
            more_groups: (self.kinds() - first.len()) as u64,
            groups: first.into_iter().map(|cause| self.group(cause, scope)).collect(),
            more_jobs,
        }
    }

    fn group(&self, cause: &FailureCause, scope: &str) -> FailureGroup {
        let (retry_helps, advice) = advice(&cause.error_code, &cause.message);
        let alone = self.of_code(&cause.error_code) == 1;
        let few = cause.count <= NAMED as u64;
        let (command, command_takes_more) = if (alone || !few) && !cause.error_code.is_empty() {
            (format!("snapferry retry --state failed --error {}{scope}", quoted(&cause.error_code)), !alone)
        } else {
            let jobs: Vec<String> = cause.jobs.iter().map(ToString::to_string).collect();
            (format!("snapferry retry {}", jobs.join(" ")), false)
        };
        FailureGroup { cause: cause.clone(), retry_helps, advice, command, command_takes_more }
    }
}

/// The groups as text; it ends with a line end.
pub fn failures_text(failures: &Failures, style: TextStyle) -> String {
    if failures.failed_jobs == 0 {
        return "Nothing failed.\n".to_owned();
    }
    let causes = failures.groups.len() as u64 + failures.more_groups;
    let mut lines = vec![format!("{}, {}", several(failures.failed_jobs, "job"), several(causes, "cause"))];
    for group in &failures.groups {
        lines.push(String::new());
        lines.extend(group_lines(group, style));
    }
    if failures.more_jobs > 0 {
        lines.push(String::new());
        lines.push(format!("and {} of other causes", several(failures.more_jobs, "job")));
    }
    style.lay_out(lines)
}

/// The lines of a group.
pub(in crate::report) fn group_lines(group: &FailureGroup, style: TextStyle) -> Vec<String> {
    let FailureCause { error_code, message, count, first_seen, last_seen, .. } = &group.cause;
    let code = if error_code.is_empty() { "(no code)" } else { error_code };
    let when = first_seen.zip(*last_seen).map(|(first, last)| format!(", {}", period(first, last)));
    let mut lines =
        vec![format!("{}  {}{}", grouped(*count), style.colour.paint(Paint::Bad, code), when.unwrap_or_default())];
    if !message.is_empty() {
        lines.push(format!("  {}", one_line(message)));
    }
    lines.push(format!("  {}", group.advice));
    lines.push(format!("    {}", group.command));
    if group.command_takes_more {
        lines.push("    which also retries the other groups with that code".to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::jobs::causes::tests::failed;

    fn causes(jobs: &[(i64, &str, &str)]) -> FailureCauses {
        let mut causes = FailureCauses::default();
        for (job, code, message) in jobs {
            causes.add(&failed(*job, Some(code), Some(message), Some(*job * 1000)));
        }
        causes
    }

    #[test]
    fn a_command_takes_just_its_group_or_says_that_it_takes_more() {
        let one = causes(&[(1, "A", "m"), (2, "A", "m")]).groups(9, " --batch b");
        assert_eq!(one.groups[0].command, "snapferry retry --state failed --error A --batch b");
        let two = causes(&[(1, "A", "m"), (2, "A", "m"), (3, "A", "n")]).groups(9, " --batch b");
        assert_eq!(two.groups[0].command, "snapferry retry 1 2");
        assert_eq!((two.groups[1].command.as_str(), two.groups[1].command_takes_more), ("snapferry retry 3", false));
        let mut many: Vec<(i64, &str, &str)> = (1..=9).map(|job| (job, "A", "m")).collect();
        many.push((10, "A", "n"));
        let many = causes(&many).groups(1, "");
        assert_eq!(many.groups[0].command, "snapferry retry --state failed --error A");
        assert!(many.groups[0].command_takes_more);
        assert_eq!((many.failed_jobs, many.more_groups, many.more_jobs), (10, 1, 1));
    }
}
