use super::super::Existing;
use super::*;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// The user's folders, with a settings file of that text in them.
fn sources(toml: &str) -> (TempDir, Sources) {
    let home = TempDir::new().expect("a folder");
    let folder = home.path().join("config");
    fs::create_dir_all(folder.join("snapferry")).expect("a folder");
    fs::write(folder.join("snapferry/snapferry.toml"), toml).expect("a file");
    let data = home.path().join("data");
    (home, Sources { user_config_dir: Some(folder), user_data_dir: Some(data), ..Sources::default() })
}

fn load(toml: &str) -> Settings {
    let (_home, sources) = sources(toml);
    Settings::load(&sources).expect("settings")
}

/// The message, with `FILE` for the settings file.
fn refuse(toml: &str) -> String {
    let (_home, sources) = sources(toml);
    let message = Settings::load(&sources).expect_err("an error").to_string();
    message.replace(&sources.file().expect("a file").display().to_string(), "FILE")
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn with_env(toml: &str, pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let (_home, sources) = sources(toml);
    Settings::load(&Sources { env: env(pairs), ..sources })
}

fn refuse_env(pairs: &[(&str, &str)]) -> String {
    with_env("", pairs).expect_err("an error").to_string()
}

fn lane_of(account: &str, region: &str) -> Lane {
    Lane { account: AccountLabel::parse(account).expect("a label"), region: Region::parse(region).expect("a Region") }
}

fn shipped() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/snapferry.toml")).expect("the shipped file")
}

#[test]
fn the_shipped_file_says_the_defaults() {
    let (home, sources) = sources(&shipped());
    let built_in = Settings::built_in(DatabaseUrl::at(home.path().join("data/snapferry/snapferry.db")));
    assert_eq!(Settings::load(&sources).expect("settings"), built_in);
    assert_eq!(load("").every_lane, built_in.every_lane);
}

#[test]
fn the_shipped_file_has_every_setting_in_its_place() {
    let text = shipped();
    let mut section = String::new();
    let mut seen = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.trim_start_matches('#').split_once(" = ")
            && (!line.starts_with('#')
                || ["database", "price_per_gb_month", "currency", "bundle", "after"].contains(&key))
        {
            seen.push(format!("{section}{key}"));
        }
    }
    assert_eq!(seen, super::super::settings_error::KEYS);
}

#[test]
fn the_examples_in_the_shipped_file_can_be_used() {
    let used: Vec<String> = shipped()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if !example.is_empty() && !example.starts_with(' ') => example.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let settings = load(&used.join("\n"));
    assert_eq!(settings.database.path(), Path::new("/var/lib/snapferry/snapferry.db"));
    assert_eq!(settings.bundle.as_deref(), Some(Path::new("/var/lib/snapferry/reports")));
    assert_eq!(settings.prune_after, Some(Duration::from_hours(90 * 24)));
    let prod = settings.account(&AccountLabel::parse("prod").expect("a label")).expect("an account");
    assert_eq!((prod.profile.as_deref(), prod.regions.len()), (Some("prod"), 2));
    assert_eq!(prod.external_id.as_ref().map(super::super::ExternalId::expose), Some("ferry-4711"));
    assert!(!format!("{settings:?}").contains("4711"));
    let lane = settings.for_lane(&lane_of("prod", "us-east-1"));
    assert_eq!((lane.export.rate, lane.export.existing), (5.0, Existing::ExportAgain));
    assert_eq!((lane.export.burst, lane.poll.min, lane.poll.max), (10, Duration::from_secs(5), Duration::from_mins(2)));
    let mut every_lane = LaneSettings::default();
    every_lane.breaker.codes.insert("InvalidInputException".to_owned(), 3);
    assert_eq!(settings.for_lane(&lane_of("prod", "eu-west-1")), every_lane);
}

#[test]
fn a_later_layer_wins() {
    let toml =
        "database = 'sqlite://file.db'\n[export]\nrate = 3\nburst = 4\n[lanes.'default/eu-west-1']\nread.rate = 1.5";
    let variables = [
        ("SNAPFERRY_EXPORT__RATE", "2.5"),
        ("SNAPFERRY_DATABASE", "sqlite://env.db"),
        ("SNAPFERRY_POLL__MAX", "9s"),
        ("SNAPFERRY_READ__BURST", ""),
        ("SNAPFERRY_LOG_FORMAT", "json"),
        ("SNAPFERRY_LOG", "debug"),
        ("OTHER", "x"),
    ];
    let settings = with_env(toml, &variables).expect("settings");
    assert_eq!((settings.every_lane.export.rate, settings.every_lane.export.burst), (2.5, 4));
    assert_eq!((settings.every_lane.poll.max, settings.every_lane.read.burst), (Duration::from_secs(9), 10));
    assert_eq!(settings.database, DatabaseUrl::at("env.db"));
    let lane = settings.for_lane(&lane_of("default", "eu-west-1"));
    assert_eq!((lane.export.rate, lane.read.rate), (2.5, 1.5));

    let (_home, sources) = sources(toml);
    let sources = Sources { env: env(&variables), database: Some("sqlite://option.db".to_owned()), ..sources };
    assert_eq!(Settings::load(&sources).expect("settings").database, DatabaseUrl::at("option.db"));
    let sources = Sources { database: Some("option.db".to_owned()), ..sources };
    assert_eq!(
        Settings::load(&sources).expect_err("an error").to_string(),
        "--database: \"option.db\" is not a database URL: write it as sqlite://PATH, such as sqlite:///var/lib/snapferry/snapferry.db"
    );
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let (home, users) = sources("[export]\nrate = 3");
    let missing = home.path().join("none.toml");
    let asked = Sources { config_file: Some(missing.clone()), ..users.clone() };
    assert!(matches!(Settings::load(&asked), Err(SettingsError::NoFile(file)) if file == missing));
    let by_variable = Sources { env: env(&[("SNAPFERRY_CONFIG", &missing.display().to_string())]), ..users.clone() };
    assert!(matches!(Settings::load(&by_variable), Err(SettingsError::NoFile(file)) if file == missing));
    let folder = Sources { config_file: Some(home.path().to_owned()), ..users.clone() };
    assert!(matches!(Settings::load(&folder), Err(SettingsError::Unreadable { .. })));
    fs::write(&missing, [0xff, 0]).expect("a file");
    assert!(matches!(Settings::load(&asked), Err(SettingsError::Unreadable { file, .. }) if file == missing));

    fs::write(&missing, "[export]\nburst = 4").expect("a file");
    assert_eq!(Settings::load(&asked).expect("settings").every_lane.export.burst, 4);
    let nobody = Sources { user_config_dir: Some(home.path().join("nobody")), ..users.clone() };
    assert_eq!(Settings::load(&nobody).expect("settings").every_lane, LaneSettings::default());
    let homeless = Sources::default();
    assert!(matches!(Settings::load(&homeless), Err(SettingsError::NoDatabase)));
}

#[test]
fn what_is_no_toml_is_named_by_line_and_column() {
    let message = refuse("[export]\nrate = = 3\n");
    assert!(message.starts_with("the settings file FILE, line 2, column 8, is not TOML: "), "{message}");
    assert!(!message.contains('\n'));
    assert!(refuse("[export]\n[export]\n").contains("duplicate key"));
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_may_be_meant() {
    for (toml, message) in [
        ("[export]\nraet = 3", "FILE: there is no setting export.raet; did you mean \"rate\"?"),
        ("[exports]\nrate = 3", "FILE: there is no setting exports; did you mean \"export\"?"),
        ("looks = 3", "FILE: there is no setting looks; did you mean reconcile.looks?"),
        ("rate = 3", "FILE: there is no setting rate; did you mean export.rate or read.rate?"),
        ("[read]\ncolour = 3", "FILE: there is no setting read.colour; there is rate, burst"),
        (
            "[accounts.a]\nregion = 'eu-west-1'",
            "FILE: there is no setting accounts.a.region; did you mean \"regions\"?",
        ),
        (
            "[lanes.'default/eu-west-1']\nlane.probe = '3s'",
            "FILE: there is no setting lanes.\"default/eu-west-1\".lane; there is export, read, poll, reconcile",
        ),
    ] {
        assert_eq!(refuse(toml), message);
    }
    for (name, message) in [
        (
            "SNAPFERRY_EXPORT__RAET",
            "SNAPFERRY_EXPORT__RAET: there is no setting export.raet; did you mean SNAPFERRY_EXPORT__RATE?",
        ),
        (
            "SNAPFERRY_EXPORT____RATE",
            "SNAPFERRY_EXPORT____RATE: there is no setting export.\"\".rate; a path of names joined by __ is expected",
        ),
    ] {
        assert_eq!(refuse_env(&[(name, "3")]), message);
    }
}

#[test]
fn a_value_of_another_kind_is_named() {
    for (toml, message) in [
        ("[export]\nrate = 'fast'", "FILE: export.rate: found \"fast\", expected a number above 0, at most 1000"),
        ("[export]\nburst = 1.5", "FILE: export.burst: found 1.5, expected a whole number from 1 to 1000"),
        ("export = 5", "FILE: export: found 5, expected a section with settings of its own"),
        (
            "[report]\nbundle = '~/reports'",
            "FILE: report.bundle: \"~/reports\" begins with '~', which only a shell replaces: write the folder out",
        ),
        ("[report]\nbundle = ' '", "FILE: report.bundle: found \" \", expected a text that is not empty"),
        (
            "[prune]\nafter = '90d'",
            "FILE: prune.after: only the completion report tells what was pruned: set report.bundle too, or leave it out",
        ),
        (
            "[prune]\nafter = '1h'",
            "FILE: prune.after: found \"1h\", expected a span of time with its unit, from \"1d\" to \"3650d\"",
        ),
        ("accounts = 5", "FILE: accounts: found 5, expected a section"),
        (
            "[accounts]\nprofile = 'x'",
            "FILE: accounts.profile: found \"x\", expected a section with settings of its own",
        ),
        ("[poll]\nmin = 5", "FILE: poll.min: found 5, expected a span of time with its unit, from \"10ms\" to \"1d\""),
        (
            "[poll]\nmin = 'soon'",
            "FILE: poll.min: found \"soon\", expected a span of time with its unit, from \"10ms\" to \"1d\"",
        ),
        ("[export]\nexisting = 'skip'", "FILE: export.existing: \"skip\" is not possible: use adopt or export-again"),
        (
            "database = 'postgres://u:secret@h/d'",
            "FILE: database: \"postgres://\" is a database that Snapferry cannot use: it keeps its jobs in SQLite, written as sqlite://PATH",
        ),
        (
            "[accounts.a]\nregions = ['eu-west-1', 'us-east-1a']",
            "FILE: accounts.a.regions: \"us-east-1a\" is an availability zone; its Region is \"us-east-1\"",
        ),
        (
            "[accounts.a]\nexternal_id = 4711\nrole_arn = 'x'",
            "FILE: accounts.a.external_id: is not text: write it in quotes",
        ),
        ("[accounts.a]\nprofile = ' '", "FILE: accounts.a.profile: found \" \", expected a text that is not empty"),
        (
            "[accounts.a]\nrole_arn = 'admin'",
            "FILE: accounts.a.role_arn: \"admin\" is not a role: write it as arn:aws:iam::123456789012:role/NAME",
        ),
        (
            "[accounts.a]\nendpoint_url = 'localhost:80'",
            "FILE: accounts.a.endpoint_url: \"localhost:80\" is not an endpoint: write it as https://HOST or http://HOST:PORT",
        ),
        (
            "[accounts.a]\nendpoint_url = 'http://me:secret@localhost:80'",
            "FILE: accounts.a.endpoint_url: contains a user name: leave it out, credentials come from the AWS chain",
        ),
    ] {
        assert_eq!(refuse(toml), message, "{toml}");
    }
    assert_eq!(
        refuse_env(&[("SNAPFERRY_READ__RATE", "many")]),
        "SNAPFERRY_READ__RATE: read.rate: found \"many\", expected a number above 0, at most 1000"
    );
}

#[test]
fn a_price_is_set_or_there_is_none() {
    assert_eq!(load("").plan, super::super::PlanSettings::default());
    let set = with_env(
        "[plan]\ncurrency = 'EUR'",
        &[("SNAPFERRY_PLAN__PRICE_PER_GB_MONTH", "0.053"), ("SNAPFERRY_PLAN__CURRENCY", "USD")],
    );
    let plan = set.expect("settings").plan;
    assert_eq!((plan.price_per_gb_month, plan.currency.as_deref()), (Some(0.053), Some("USD")));
    assert!(
        refuse("plan.price_per_gb_month = 'cheap'")
            .ends_with("found \"cheap\", expected a number above 0, at most 1000")
    );
    assert!(refuse("plan.currency = 'US dollars'").contains("is not a currency"));
}

#[test]
fn breakers_are_set_by_file_and_environment() {
    let toml = "[breaker]\nshare = 0.25\nin_a_row = 7\n[breaker.codes]\nEBSLimit = 2";
    let variables = [
        ("SNAPFERRY_BREAKER__ENABLED", "false"),
        ("SNAPFERRY_BREAKER__AT_LEAST", "10"),
        ("SNAPFERRY_BREAKER__WAIT", "1m"),
        ("SNAPFERRY_BREAKER__CODES__ODDEXCEPTION", "5"),
    ];
    let breaker = with_env(toml, &variables).expect("settings").every_lane.breaker;
    assert_eq!((breaker.enabled, breaker.share, breaker.at_least, breaker.in_a_row), (false, 0.25, 10, 7));
    assert_eq!((breaker.wait, breaker.wait_max), (Duration::from_mins(1), Duration::from_hours(1)));
    let codes: Vec<_> = breaker.codes.iter().map(|(code, limit)| (code.as_str(), *limit)).collect();
    assert_eq!(codes, [("EBSLimit", 2), ("oddexception", 5)]);
    assert_eq!(
        refuse_env(&[("SNAPFERRY_BREAKER__ENABLED", "maybe")]),
        "SNAPFERRY_BREAKER__ENABLED: breaker.enabled: found \"maybe\", expected true or false"
    );
    assert!(refuse("breaker.share = 'half'").ends_with("expected a number above 0, at most 1"));
}

#[test]
fn a_value_out_of_range_is_named_with_the_range() {
    let numbers = [
        ("export.rate", "1000", "0"),
        ("export.rate", "0.01", "1000.1"),
        ("export.rate", "1", "-1"),
        ("export.rate", "1", "nan"),
        ("export.burst", "1000", "1001"),
        ("export.max_in_flight", "1000000", "1000001"),
        ("export.max_attempts", "100", "0"),
        ("export.backoff_initial", "'1ms'", "'0s'"),
        ("export.backoff_max", "'24h'", "'25h'"),
        ("export.attempt_timeout", "'100ms'", "'99ms'"),
        ("read.rate", "1000", "inf"),
        ("read.burst", "1", "-1"),
        ("poll.min", "'10ms'", "'1ms'"),
        ("poll.max", "'24h'", "'2d'"),
        ("poll.give_up", "'365d'", "'366d'"),
        ("reconcile.settle", "'7d'", "'8d'"),
        ("reconcile.looks", "100", "101"),
        ("lane.probe", "'24h'", "'1y'"),
        ("plan.price_per_gb_month", "0.05", "0"),
        ("breaker.share", "1", "0"),
        ("breaker.share", "0.01", "1.1"),
        ("breaker.at_least", "200", "201"),
        ("breaker.in_a_row", "0", "1001"),
        ("breaker.codes.EBSLimit", "1000", "-1"),
        ("breaker.wait", "'100ms'", "'99ms'"),
        ("breaker.wait_max", "'7d'", "'8d'"),
    ];
    for (key, good, bad) in numbers {
        load(&format!("{key} = {good}"));
        let message = refuse(&format!("{key} = {bad}"));
        assert!(message.starts_with(&format!("FILE: {key}: ")) && message.contains(", expected a "), "{message}");
    }
    assert_eq!(
        refuse("poll.give_up = '366d'"),
        "FILE: poll.give_up: found \"366d\", expected a span of time with its unit, from \"1s\" to \"365d\""
    );
}

#[test]
fn contradictions_name_both_sides() {
    for (toml, message) in [
        ("[poll]\nmin = '2m'", "FILE: poll.min: poll.min (2m) is longer than poll.max (1m): change one of them"),
        ("[poll]\nmax = '1s'", "FILE: poll.max: poll.min (5s) is longer than poll.max (1s): change one of them"),
        (
            "[export]\nbackoff_initial = '10m'",
            "FILE: export.backoff_initial: export.backoff_initial (10m) is longer than export.backoff_max (5m): change one of them",
        ),
        (
            "[poll]\nmax = '10s'\n[lanes.'default/eu-west-1'.poll]\nmin = '20s'",
            "FILE: lanes.\"default/eu-west-1\".poll.min: poll.min (20s) is longer than poll.max (10s): change one of them",
        ),
        (
            "[breaker]\nwait = '2h'",
            "FILE: breaker.wait: breaker.wait (2h) is longer than breaker.wait_max (1h): change one of them",
        ),
        (
            "[accounts.prod]\nexternal_id = 'x-1'",
            "FILE: accounts.prod.external_id: an external id is for a role: set role_arn too, or leave it out",
        ),
    ] {
        assert_eq!(refuse(toml), message);
    }
    assert_eq!(
        refuse_env(&[("SNAPFERRY_POLL__MIN", "2m")]),
        "SNAPFERRY_POLL__MIN: poll.min: poll.min (2m) is longer than poll.max (1m): change one of them"
    );
}

#[test]
fn a_lane_is_an_account_of_the_settings_and_a_region() {
    for (toml, message) in [
        (
            "eu-west-1",
            "lanes.eu-west-1: \"eu-west-1\" is not a lane: write it as \"ACCOUNT/REGION\", such as \"default/eu-west-1\"",
        ),
        (
            "default/eu-west-1a",
            "lanes.\"default/eu-west-1a\": \"eu-west-1a\" is an availability zone; its Region is \"eu-west-1\"",
        ),
        (
            "defalt/eu-west-1",
            "lanes.\"defalt/eu-west-1\": \"defalt\" is not an account in the settings: did you mean \"default\"?",
        ),
        (
            "prod/eu-west-1",
            "lanes.\"prod/eu-west-1\": \"prod\" is not an account in the settings: add [accounts.prod], or use one of default",
        ),
    ] {
        assert_eq!(refuse(&format!("[lanes.'{toml}'.export]\nrate = 1")), format!("FILE: {message}"));
    }
    assert!(refuse("[accounts.'a b']").contains("\"a b\" is no account label"));
}

#[test]
fn default_is_an_account_unless_others_are_named() {
    let labels = |toml: &str| load(toml).accounts().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(labels(""), ["default"]);
    assert_eq!(labels("[accounts.prod]\n[accounts.'a.b']"), ["a.b", "prod"]);
    assert_eq!(labels("[accounts.prod]\n[accounts.default]"), ["default", "prod"]);
}

#[test]
fn the_environment_reaches_accounts_and_lanes() {
    let toml = "[accounts.Prod-EU]\nprofile = 'x'\n[accounts.default]";
    let settings = with_env(
        toml,
        &[
            ("SNAPFERRY_ACCOUNTS__PROD_EU__PROFILE", "007"),
            ("SNAPFERRY_ACCOUNTS__NEW__REGIONS", "eu-west-1, us-east-1"),
            ("SNAPFERRY_LANES__PROD_EU_EU_WEST_1__EXPORT__BURST", "7"),
            ("SNAPFERRY_LANES__NEW_US_EAST_1__RECONCILE__LOOKS", "9"),
        ],
    )
    .expect("settings");
    let profile =
        |label: &str| settings.account(&AccountLabel::parse(label).expect("a label")).expect("an account").clone();
    assert_eq!(profile("Prod-EU").profile.as_deref(), Some("007"));
    assert_eq!(profile("new").regions.len(), 2);
    assert_eq!(settings.for_lane(&lane_of("Prod-EU", "eu-west-1")).export.burst, 7);
    assert_eq!(settings.for_lane(&lane_of("new", "us-east-1")).reconcile.looks, 9);
    assert_eq!(settings.accounts().len(), 3);
    assert_eq!(
        refuse_env(&[("SNAPFERRY_LANES__NOBODY__EXPORT__RATE", "1")]),
        "SNAPFERRY_LANES__NOBODY__EXPORT__RATE: lanes.nobody: \"nobody\" is not a lane: write it as \"ACCOUNT/REGION\", such as \"default/eu-west-1\""
    );
}

#[test]
fn a_variable_that_is_nearly_a_setting_or_an_option_is_told_which() {
    let load = |name: &str| {
        let env = vec![(name.to_owned(), "1".to_owned())];
        Settings::load(&Sources { env, database: Some("sqlite:///x.db".to_owned()), ..Sources::default() })
    };
    let ignored = load("SNAPFERRY_EXPORT_RATE").expect("it is ignored").ignored;
    assert_eq!(ignored, ["SNAPFERRY_EXPORT_RATE (did you mean SNAPFERRY_EXPORT__RATE?)"]);
    let refused = load("SNAPFERRY_CONFG").expect_err("a slip").to_string();
    assert!(refused.ends_with("did you mean SNAPFERRY_CONFIG?"), "{refused}");
}
