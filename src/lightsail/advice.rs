//! The way out of an error, in the words of a person who would have to take it: it names what AWS's message names. Pure.

use super::{CallError, ErrorClass, codes};
use crate::domain::LaneTrouble;
use std::time::Duration;

/// What an export needs.
pub const EXPORT_ACTION: &str = "lightsail:ExportSnapshot";

/// What the reads need.
pub const READ_ACTIONS: &str = "lightsail:Get* on \"*\"";

const NO_ROOM: &str = "EC2 has too many snapshot copies in progress; nothing to do, others have to end first";
const USED_UP: &str = "a quota of this account is used up; free some of it, or have it raised (Service Quotas)";

/// AWS refuses what was signed more than 5 minutes from its own time; Lightsail 4.
const TOO_FAR: i64 = 240;

/// The Region, or the service in it, is not enabled for the account.
pub(super) const NOT_ENABLED: &str = "OptInRequired";

/// The actions that a message names, such as `iam:CreateServiceLinkedRole`, each once.
pub fn named_actions(message: &str) -> Vec<&str> {
    let mut actions = Vec::new();
    for word in message.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | ',')) {
        let word = word.trim_end_matches(['.', ':', ';']);
        let Some((service, action)) = word.split_once(':') else { continue };
        let is_service = !service.is_empty()
            && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && service != "arn";
        let is_action = action.starts_with(|c: char| c.is_ascii_uppercase())
            && action.chars().all(|c| c.is_ascii_alphanumeric() || c == '*');
        if is_service && is_action && !actions.contains(&word) {
            actions.push(word);
        }
    }
    actions
}

/// Whether AWS has closed the account to all that it asks for.
pub(super) fn is_account_blocked(code: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    let said = message.contains("blocked") || message.contains("suspended");
    matches!(code, "Blocked" | "AccountDisabled" | "PendingVerification") || (said && message.contains("account"))
}

/// Whether a refusal is for this machine's clock: the answer's own time decides, where it has one.
pub(super) fn clock_is_off(code: &str, message: &str, ahead: Option<i64>) -> bool {
    ahead.map_or_else(|| speaks_of_time(code, message), |ahead| ahead.abs() > TOO_FAR)
}

fn speaks_of_time(code: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    code == "RequestTimeTooSkewed" || message.contains("signature expired") || message.contains("not yet current")
}

/// What to do about an error of a call for which `usual` has to be allowed.
pub(super) fn advice(error: &CallError, usual: &str) -> String {
    let (code, message) = (error.code.as_str(), error.message.as_str());
    let said = match error.class {
        ErrorClass::CopyLimit => NO_ROOM,
        ErrorClass::Quota => USED_UP,
        ErrorClass::Ambiguous if error.trouble() == Some(LaneTrouble::CopyLimit) => NO_ROOM,
        ErrorClass::Ambiguous if error.trouble() == Some(LaneTrouble::Quota) => USED_UP,
        ErrorClass::Credentials if clock_is_off(code, message, error.clock_ahead) => {
            return wrong_clock(error.clock_ahead);
        }
        ErrorClass::Credentials if speaks_of_time(code, message) => {
            "the request reached AWS long after it was signed; check network and proxy"
        }
        ErrorClass::Credentials if code == NOT_ENABLED => {
            "the Region is not enabled for this account; enable it (AWS console, Account, AWS Regions), or complete the \
             account's sign-up"
        }
        ErrorClass::Credentials if code == codes::ACCOUNT_NOT_SHOWN => "the lane is read first, to see whose they are",
        // AWS answers so too where the Region is off: its services do not know the account there.
        ErrorClass::Credentials if code == "UnrecognizedClientException" => {
            "the credentials do not work; renew them, or enable the Region for this account (AWS console, Account, AWS \
             Regions) if it is one that is off by default"
        }
        ErrorClass::Credentials => "the credentials do not work; renew them",
        ErrorClass::Denied | ErrorClass::LaneDenied => return denied(code, message, usual),
        ErrorClass::Unreachable => "no connection to Lightsail; check network, proxy and endpoint",
        ErrorClass::SetupInProgress => "AWS is setting this account or Region up; nothing to do, it takes some minutes",
        ErrorClass::Throttled => "calls are throttled; lower the rate in the settings, or try again later",
        ErrorClass::Permanent => "put right what the message names",
        ErrorClass::Ambiguous | ErrorClass::Unfamiliar | ErrorClass::RetryLater => "the call failed; try again later",
    };
    said.to_owned()
}

fn wrong_clock(ahead: Option<i64>) -> String {
    let by = ahead.filter(|ahead| ahead.abs() > TOO_FAR).map(|ahead| {
        let by = humantime::format_duration(Duration::from_secs(ahead.unsigned_abs()));
        format!("{by} {}", if ahead > 0 { "ahead of AWS's" } else { "behind AWS's" })
    });
    let by = by.as_deref().unwrap_or("wrong");
    format!("this machine's clock is {by}; let NTP set it, the credentials are not the problem")
}

fn denied(code: &str, message: &str, usual: &str) -> String {
    if matches!(code, "Http401" | "Http403" | "Http407") {
        return "something between this machine and AWS refuses the calls; check the proxy, or the firewall".to_owned();
    }
    if is_account_blocked(code, message) {
        return "AWS has blocked or suspended this account; contact AWS Support".to_owned();
    }
    let named = named_actions(message);
    // Of Lightsail's own actions all are needed that such calls take.
    let own = named.iter().all(|action| action.starts_with("lightsail:"));
    let actions = if own { usual.to_owned() } else { named.join(" and ") };
    if message.to_lowercase().contains("explicit deny") {
        return format!("a policy denies {actions} explicitly; take that out of the policy that the message names");
    }
    let more = if named.contains(&"iam:CreateServiceLinkedRole") {
        " and iam:PutRolePolicy, once: the first export of an account makes the role AWSServiceRoleForLightsail"
    } else if named.iter().any(|action| action.starts_with("kms:")) {
        ", in the policy of the key too"
    } else {
        ""
    };
    format!("allow {actions} for these credentials{more}")
}

#[cfg(test)]
mod tests {
    use super::super::classify::{ErrorEvidence, classify};
    use super::*;

    fn advice_of(code: &str, message: &str, clock_ahead: Option<i64>) -> String {
        let body = serde_json::json!({ "__type": code, "message": message }).to_string();
        classify(&ErrorEvidence { status: 400, body: body.as_bytes(), clock_ahead, ..ErrorEvidence::default() })
            .advice(EXPORT_ACTION)
    }

    #[test]
    fn the_advice_names_what_the_message_names() {
        let user = "User: arn:aws:iam::123456789012:user/x is not authorized to perform:";
        for (code, message, part) in [
            ("AccessDeniedException", "No.".to_owned(), "allow lightsail:ExportSnapshot for"),
            ("AccessDeniedException", format!("{user} ec2:CopySnapshot on resource: *"), "allow ec2:CopySnapshot for"),
            (
                "AccessDeniedException",
                format!(
                    "{user} iam:CreateServiceLinkedRole on resource: arn:aws:iam::1:role/x because no policy allows the \
                         iam:CreateServiceLinkedRole action"
                ),
                "allow iam:CreateServiceLinkedRole for these credentials and iam:PutRolePolicy, once",
            ),
            (
                "AccessDeniedException",
                format!("{user} kms:CreateGrant."),
                "allow kms:CreateGrant for these credentials, in the policy of the key",
            ),
            (
                "AccessDeniedException",
                format!("{user} lightsail:ExportSnapshot with an explicit deny in a service control policy"),
                "a policy denies lightsail:ExportSnapshot explicitly",
            ),
            ("AccessDeniedException", "Your account is currently blocked.".to_owned(), "contact AWS Support"),
            ("UnauthorizedException", "Your account has been suspended".to_owned(), "contact AWS Support"),
            ("OptInRequired", "You are not subscribed to this service.".to_owned(), "Region is not enabled"),
            ("ExpiredTokenException", "The security token is expired".to_owned(), "renew them"),
            ("UnrecognizedClientException", "The security token is invalid.".to_owned(), "enable the Region"),
            ("InvalidSignatureException", "Signature expired: 1 is now earlier than 2".to_owned(), "clock is wrong"),
            ("InvalidSignatureException", "Signature not yet current: 1".to_owned(), "clock is wrong"),
            ("RequestTimeTooSkewed", "The difference is too large.".to_owned(), "clock is wrong"),
            ("InvalidInputException", "Too many snapshot copies in progress".to_owned(), "others have to end first"),
            ("SnapshotLimitExceeded", "Maximum number of snapshots reached".to_owned(), "Service Quotas"),
        ] {
            let said = advice_of(code, &message, None);
            assert!(said.contains(part), "{code}: {message}: {said}");
        }
    }

    #[test]
    fn a_refusal_without_a_code_comes_from_something_in_between() {
        let refused = classify(&ErrorEvidence { status: 403, body: b"<html>", ..ErrorEvidence::default() });
        assert!(refused.advice(EXPORT_ACTION).contains("check the proxy"), "{}", refused.advice(EXPORT_ACTION));
    }

    #[test]
    fn the_answers_own_time_decides_about_the_clock() {
        let expired = "Signature expired: 1 is now earlier than 2";
        let said = advice_of("InvalidSignatureException", expired, Some(-600));
        assert_eq!(
            said,
            "this machine's clock is 10m behind AWS's; let NTP set it, the credentials are not the problem"
        );
        assert!(advice_of("InvalidSignatureException", expired, Some(2)).contains("network and proxy"));
        // A clock that is off shows as other refusals too.
        assert!(advice_of("AccessDeniedException", "No.", Some(3600)).contains("1h ahead of AWS's"));
        assert!(advice_of("AccessDeniedException", "No.", Some(3)).contains("allow"));
    }
}
