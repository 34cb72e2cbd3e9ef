//! What the name of a column means, and what a cell names in any column: a Region or account that differs from the row's
//! must not be copied to the report unnoticed.

use super::columns::{Columns, Role};
use super::reader::IntakeOptions;
use super::reason::IntakeError;
use super::row::{Row, RowTarget, cut};
use crate::domain::Region;

/// The documented names.
pub(super) const EXACT: [(Role, &str); 5] = [
    (Role::Name, "snapshot_name"),
    (Role::Region, "region"),
    (Role::Account, "account"),
    (Role::Priority, "priority"),
    (Role::NotBefore, "not_before"),
];

/// Common names, compared without case, blanks, hyphens and underscores.
const USUAL: [(Role, &[&str]); 3] = [
    (
        Role::Name,
        &[
            "snapshotname",
            "sourcesnapshotname",
            "instancesnapshotname",
            "disksnapshotname",
            "lightsailsnapshotname",
            "lightsailsnapshot",
        ],
    ),
    (
        Role::Region,
        &[
            "awsregion",
            "awsregioncode",
            "awsregionname",
            "lightsailregion",
            "location.regionname",
            "regioncode",
            "regionid",
            "regionname",
            "snapshotregion",
            "sourceregion",
        ],
    ),
    (
        Role::Account,
        &[
            "accountid",
            "accountlabel",
            "accountnumber",
            "awsaccount",
            "awsaccountid",
            "awsaccountname",
            "awsaccountnumber",
            "lightsailaccount",
        ],
    ),
];

/// After `account`, these words still name the account; an account manager is a person.
const OF_ACCOUNTS: [&str; 9] = ["alias", "aws", "id", "ids", "label", "name", "no", "nr", "number"];

/// How surely a column's name tells its meaning. The surest column for a meaning is read, the others are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Confidence {
    /// The documented name.
    Exact,
    /// A common name.
    Usual,
    /// A word that often means something else.
    Weak,
}

/// The meaning of a column's name, given in lower case.
pub(super) fn of_name(lower: &str) -> Option<(Role, Confidence)> {
    if let Some((role, _)) = EXACT.iter().find(|(_, name)| *name == lower) {
        return Some((*role, Confidence::Exact));
    }
    if matches!(lower, "name" | "snapshot") {
        return Some((Role::Name, Confidence::Weak));
    }
    let plain: String = lower.chars().filter(|c| !matches!(c, '-' | '_') && !c.is_whitespace()).collect();
    let (role, _) = USUAL.iter().find(|(_, names)| names.contains(&plain.as_str()))?;
    Some((*role, Confidence::Usual))
}

/// Region or account, if the name of a copied column suggests one.
pub(super) fn looks_like(name: &str) -> Option<Role> {
    // Brackets explain the rest: "aws account (owner)".
    let name = match (name.find('('), name.trim_end().strip_suffix(')')) {
        (Some(bracket), Some(_)) if name.to_lowercase().find("account").is_some_and(|word| word < bracket) => {
            name.get(..bracket).unwrap_or(name)
        }
        _ => name,
    };
    if let Some((role @ (Role::Region | Role::Account), _)) = of_name(&name.to_lowercase()) {
        return Some(role);
    }
    let words = words(name);
    let slip = |word: &str, of: &str| word.ends_with(of) || strsim::osa_distance(word, of) <= 1;
    if words.iter().any(|word| slip(word, "region")) {
        return Some(Role::Region);
    }
    let last = words.last()?;
    let account = words.iter().any(|word| slip(word, "account") || word == "acct");
    let whole = slip(last, "account") || last == "acct" || OF_ACCOUNTS.contains(&last.as_str());
    let profile = matches!(words.as_slice(), [profile] if profile == "profile") || words == ["aws", "profile"];
    (account && whole || profile).then_some(Role::Account)
}

/// Whether a column of this name may name the snapshot: "snapshot id", "snapshot to export", "export name".
pub(super) fn is_of_snapshot(name: &str) -> bool {
    let words = words(name);
    let fits =
        |word: &String| matches!(word.as_str(), "snapshot" | "snapshots" | "export" | "to" | "id" | "name" | "names");
    words.len() > 1
        && words.iter().all(fits)
        && words.iter().any(|word| word.starts_with("snapshot") || word == "export")
}

/// The words of a name: `homeRegion`, `home_region` and `Home region` have two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || small && c.is_uppercase() {
            words.push(String::new());
        }
        small = c.is_lowercase();
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Refuses the file if a copied column names another Region or account than the row would be exported in, and the row
/// itself names none. If the file has a column for it, an empty cell there is deliberate, and only copied columns with a
/// similar name count.
pub(super) fn check(
    row: &Row,
    named: RowTarget,
    columns: &Columns,
    options: &IntakeOptions,
) -> Result<(), IntakeError> {
    let copied = || columns.all.iter().filter(|column| column.role == Role::Carried).zip(&row.carried);
    for (target, named) in [(Role::Region, named.region), (Role::Account, named.account)] {
        if named {
            continue;
        }
        for (column, cell) in copied().filter(|(column, cell)| !column.declared && !cell.trim().is_empty()) {
            let (cell, looks_like) = (cell.trim(), column.looks_like == Some(target));
            if columns.has(target) && !looks_like {
                continue;
            }
            let says = if target == Role::Region {
                of_region(cell, row.region)
            } else {
                of_account(cell, row.account.as_str(), options)
            };
            if says == CellMeaning::Differs || says == CellMeaning::Nothing && looks_like {
                let (meaning, used) = if target == Role::Region {
                    ("region", row.region.to_string())
                } else {
                    ("account", format!("account {}", row.account))
                };
                let (line, column) = (row.line, column.name.clone());
                return Err(IntakeError::Ambiguous { line, column, cell: cut(cell), meaning, used });
            }
        }
    }
    Ok(())
}

/// What a cell says about a row's Region or account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CellMeaning {
    Nothing,
    /// The same as the row.
    Agrees,
    /// Something else.
    Differs,
}

/// What `cell` says about the Region of a row.
pub(super) fn of_region(cell: &str, region: Region) -> CellMeaning {
    // In any context: "Ireland (eu-west-1)", an ARN, an endpoint.
    let lower = cell.to_lowercase();
    let codes = lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter_map(Region::named_by);
    let named: Vec<Option<Region>> = codes.chain(Region::displayed_in(&lower)).collect();
    match named.as_slice() {
        [] => CellMeaning::Nothing,
        all if all.iter().all(|named| *named == Some(region)) => CellMeaning::Agrees,
        _ => CellMeaning::Differs,
    }
}

/// What `cell` says about the account of a row, as the settings call it.
pub(super) fn of_account(cell: &str, account: &str, options: &IntakeOptions) -> CellMeaning {
    if cell.eq_ignore_ascii_case(account) {
        return CellMeaning::Agrees;
    }
    let number = arn(cell).map_or(cell, |(_, account)| account);
    let label = || options.accounts.iter().any(|label| label.as_str().eq_ignore_ascii_case(cell));
    if holds_number(number) || label() { CellMeaning::Differs } else { CellMeaning::Nothing }
}

/// Whether a cell holds an account number in any notation, even spoilt by a spreadsheet: 1234-5678-9012, 1111 2222 3333,
/// ="111122223333", 1.11122E+11.
fn holds_number(cell: &str) -> bool {
    let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
    let around = |c: char| c.is_ascii_digit() || c.is_whitespace() || matches!(c, '-' | '=' | '"' | '\'');
    let spoilt = cell.to_ascii_uppercase().strip_suffix("E+11").is_some_and(|cell| cell.parse::<f64>().is_ok());
    spoilt || is_number(&digits) && cell.chars().all(around) && (!cell.contains('-') || is_number(cell))
}

/// An account number, plain or as the console writes it: 1234-5678-9012.
pub(super) fn is_number(text: &str) -> bool {
    let hyphens = text.len() == 14;
    let fits =
        |(at, byte): (usize, u8)| if hyphens && (at == 4 || at == 9) { byte == b'-' } else { byte.is_ascii_digit() };
    (hyphens || text.len() == 12) && text.bytes().enumerate().all(fits)
}

/// The Region and the account of an ARN.
fn arn(cell: &str) -> Option<(&str, &str)> {
    let mut parts = cell.strip_prefix("arn:")?.splitn(5, ':').skip(2);
    Some((parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_a_column_means() {
        for (name, means) in [
            ("snapshot_name", Some((Role::Name, Confidence::Exact))),
            ("name", Some((Role::Name, Confidence::Weak))),
            ("snapshot name", Some((Role::Name, Confidence::Usual))),
            ("disk-snapshot-name", Some((Role::Name, Confidence::Usual))),
            ("aws region", Some((Role::Region, Confidence::Usual))),
            ("account id", Some((Role::Account, Confidence::Usual))),
            ("owner", None),
            ("location", None),
            ("account_manager", None),
        ] {
            assert_eq!(of_name(name), means, "{name}");
        }
        for (name, means) in [
            ("homeRegion", Some(Role::Region)),
            ("accountid", Some(Role::Account)),
            ("destinationregion", Some(Role::Region)),
            ("Regoin", Some(Role::Region)),
            ("target region (old)", Some(Role::Region)),
            ("customer account", Some(Role::Account)),
            ("Acct No.", Some(Role::Account)),
            ("accountName", Some(Role::Account)),
            ("acct", Some(Role::Account)),
            ("AWS Acct", Some(Role::Account)),
            ("aws account (owner)", Some(Role::Account)),
            ("AWS profile", Some(Role::Account)),
            ("account_manager", None),
            ("size profile", None),
            ("reason", None),
            ("amount", None),
            ("count", None),
            ("discount", None),
            ("", None),
        ] {
            assert_eq!(looks_like(name), means, "{name}");
        }
    }

    #[test]
    fn a_column_beside_name_may_be_the_snapshots() {
        for name in ["snapshot id", "snapshot to export", "export_name", "snapshotNames"] {
            assert!(is_of_snapshot(name), "{name}");
        }
        for name in ["name", "instance name", "snapshot size", "export_date", "record_name"] {
            assert!(!is_of_snapshot(name), "{name}");
        }
    }

    #[test]
    fn a_cell_names_a_region_or_an_account_wherever_it_stands() {
        let ireland = Region::parse("eu-west-1").expect("a Region");
        for (cell, says) in [
            ("eu-west-1", CellMeaning::Agrees),
            ("EU-West-1b", CellMeaning::Agrees),
            ("Ireland (eu-west-1)", CellMeaning::Agrees),
            ("us-east-1", CellMeaning::Differs),
            ("sa-east-1c", CellMeaning::Differs),
            ("us-gov-west-1", CellMeaning::Differs),
            ("arn:aws:lightsail:us-east-1:123456789012:InstanceSnapshot/x", CellMeaning::Differs),
            ("arn:aws:iam::123456789012:role/x", CellMeaning::Nothing),
            ("eu-test-1", CellMeaning::Nothing),
            ("web-1", CellMeaning::Nothing),
            ("moved from us-east-1 (old)", CellMeaning::Differs),
            ("Ireland", CellMeaning::Agrees),
            ("Ireland, Zone A", CellMeaning::Agrees),
            ("Frankfurt", CellMeaning::Differs),
            ("Ireland / eu-west-1", CellMeaning::Agrees),
            ("EU (Ireland)", CellMeaning::Agrees),
            ("Europe (Frankfurt)", CellMeaning::Differs),
            ("eu-west-1a eu-west-1b", CellMeaning::Agrees),
            ("eu-west-1a eu-west-2b", CellMeaning::Differs),
            ("https://lightsail.eu-west-2.amazonaws.com", CellMeaning::Differs),
            ("eu-west-2 (London)", CellMeaning::Differs),
            ("US East (N. Virginia)", CellMeaning::Differs),
            ("Virginia Irelander", CellMeaning::Nothing),
            ("web-eu-west-2", CellMeaning::Nothing),
        ] {
            assert_eq!(of_region(cell, ireland), says, "{cell}");
        }
        let labels = ["prod", "lab"].map(|label| crate::domain::AccountLabel::parse(label).expect("a label"));
        let options = IntakeOptions { accounts: labels.into(), ..IntakeOptions::default() };
        for (cell, says) in [
            ("Prod", CellMeaning::Agrees),
            ("lab", CellMeaning::Differs),
            ("123456789012", CellMeaning::Differs),
            ("1234-5678-9012", CellMeaning::Differs),
            ("arn:aws:lightsail:us-east-1:123456789012:InstanceSnapshot/x", CellMeaning::Differs),
            ("12345678901", CellMeaning::Nothing),
            ("1234-567-89012", CellMeaning::Nothing),
            ("1111 2222 3333", CellMeaning::Differs),
            ("=\"111122223333\"", CellMeaning::Differs),
            ("1.11122E+11", CellMeaning::Differs),
            ("2026-11-30 10:15:00", CellMeaning::Nothing),
            ("laboratory", CellMeaning::Nothing),
        ] {
            assert_eq!(of_account(cell, "prod", &options), says, "{cell}");
        }
    }
}
