//! The least that Snapferry must be allowed to do.

/// The IAM policy, as JSON.
pub const POLICY: &str = include_str!("../../docs/iam-policy.json");

#[cfg(test)]
mod tests {
    use super::super::gather::READS;
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// What the client calls, by its methods: `client.get_operation()` is lightsail:GetOperation.
    fn called() -> BTreeSet<String> {
        let source = include_str!("../lightsail/aws/mod.rs");
        let mut actions = BTreeSet::new();
        for (place, _) in source.match_indices("client.") {
            let method: String =
                source[place + "client.".len()..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
            // The lock and the Option that the client in use stands in have methods of their own.
            if method.contains('_') && method != "as_ref" {
                actions.insert(format!("lightsail:{}", method.split('_').map(capital).collect::<String>()));
            }
        }
        actions
    }

    fn actions(statement: &Value) -> Vec<String> {
        let text = |it: &Value| it.as_str().expect("an action").to_owned();
        let action = &statement["Action"];
        action.as_array().map_or_else(|| vec![text(action)], |several| several.iter().map(text).collect())
    }

    #[test]
    fn the_policy_allows_every_call_that_is_made_and_nothing_else() {
        let policy: Value = serde_json::from_str(POLICY).expect("JSON");
        assert_eq!(policy["Version"], "2012-10-17");
        let mut allowed = BTreeSet::new();
        for statement in policy["Statement"].as_array().expect("statements") {
            assert_eq!(statement["Effect"], "Allow");
            for action in actions(statement) {
                if action.starts_with("iam:") {
                    let role =
                        "arn:aws:iam::*:role/aws-service-role/lightsail.amazonaws.com/AWSServiceRoleForLightsail*";
                    assert_eq!(statement["Resource"], role, "{action}");
                    let condition = &statement["Condition"]["StringEquals"]["iam:AWSServiceName"];
                    let made = action == "iam:CreateServiceLinkedRole";
                    assert_eq!(condition, &if made { "lightsail.amazonaws.com".into() } else { Value::Null });
                }
                allowed.insert(action);
            }
        }
        let mut used = called();
        assert!(used.contains("lightsail:ExportSnapshot") && used.len() > 8, "{used:?}");
        used.extend(["iam:CreateServiceLinkedRole".to_owned(), "iam:PutRolePolicy".to_owned()]);
        assert_eq!(allowed, used);
    }

    #[test]
    fn every_read_that_is_allowed_is_tried() {
        let tried: BTreeSet<String> = READS.iter().map(|action| format!("lightsail:{action}")).collect();
        let reads = called().into_iter().filter(|action| action.starts_with("lightsail:Get")).collect();
        assert_eq!(tried, reads);
    }
}
