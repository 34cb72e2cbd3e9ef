//! Environment variables into settings: `SNAPFERRY_` and the path with `__`, such as `SNAPFERRY_EXPORT__RATE`.

use super::layers::Layer;
use super::settings_error::KEYS;
use crate::domain::{Region, nearest};
use figment::value::Value;

const PREFIX: &str = "SNAPFERRY_";

/// Variables that only begin like ours, such as those that Kubernetes and docker set for a service called `snapferry`: neither
/// settings nor typos of one.
fn strangers(env: &[(String, String)]) -> Vec<String> {
    let database = KEYS[0].to_uppercase();
    let is_near = |rest: &str| nearest(rest, [database.as_str(), "CONFIG", "NETWORK_DISK"]).is_some();
    let is_stranger =
        |rest: &str| !is_option(rest) && (rest.starts_with("ENV_") || !rest.contains("__") && !is_near(rest));
    let names = env.iter().map(|(name, _)| name).filter(|name| name.strip_prefix(PREFIX).is_some_and(is_stranger));
    let mut names: Vec<String> = names.cloned().collect();
    names.sort();
    names
}

/// The same, each with the setting that may be meant: one `_` is easily typed for two.
pub(super) fn ignored(env: &[(String, String)]) -> Vec<String> {
    let meant = |name: &str| KEYS.iter().map(|key| name_of(key)).find(|known| known.replace("__", "_") == name);
    let told = |name: String| match meant(&name) {
        Some(known) => format!("{name} (did you mean {known}?)"),
        None => name,
    };
    strangers(env).into_iter().map(told).collect()
}

/// The variables that set something, each a layer of its own. An empty one counts as not set. `labels` and `lanes` are those of
/// the file: a variable's name has only capitals and `_`, so `PROD_EU` means the account `prod-eu` if there is one.
pub(super) fn variables(env: &[(String, String)], labels: &[String], lanes: &[String]) -> Vec<Layer> {
    let strangers = strangers(env);
    let mut found: Vec<(&String, Vec<String>, &String)> = env
        .iter()
        .filter(|(name, text)| !text.trim().is_empty() && !strangers.contains(name))
        .filter_map(|(name, text)| {
            let rest = name.strip_prefix(PREFIX).filter(|rest| !is_option(rest))?;
            Some((name, rest.split("__").map(str::to_lowercase).collect(), text))
        })
        .collect();
    // The environment has no order.
    found.sort();
    let mut labels = labels.to_vec();
    for (_, path, _) in &mut found {
        if let [section, label, _, ..] = path.as_mut_slice()
            && section == "accounts"
        {
            match labels.iter().find(|known| plain(known) == plain(label)) {
                Some(known) => label.clone_from(known),
                None => labels.push(label.clone()),
            }
        }
    }
    labels.push("default".to_owned());
    let all = labels.iter().flat_map(|label| Region::all().map(move |region| format!("{label}/{region}")));
    let lanes: Vec<String> = lanes.iter().cloned().chain(all).collect();
    found
        .into_iter()
        .map(|(name, mut path, text)| {
            if let [section, lane, _, ..] = path.as_mut_slice()
                && section == "lanes"
                && let Some(known) = lanes.iter().find(|known| plain(known) == plain(lane))
            {
                lane.clone_from(known);
            }
            let value = value_of(path.last().map_or("", String::as_str), text.trim());
            Layer { name: name.clone(), path, value }
        })
        .collect()
}

/// The name of the variable that sets a path.
pub(super) fn name_of(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_uppercase())
}

/// Options of the command line that can be given as variables, but are not settings.
fn is_option(rest: &str) -> bool {
    matches!(rest, "CONFIG" | "LOG" | "NETWORK_DISK") || rest.starts_with("LOG_")
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

/// A switch, a list, or a text; settings that are numbers accept a text.
fn value_of(key: &str, text: &str) -> Value {
    match key {
        "enabled" => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        "regions" => Value::from(text.split(',').map(|region| region.trim().to_owned()).collect::<Vec<_>>()),
        _ => Value::from(text),
    }
}
