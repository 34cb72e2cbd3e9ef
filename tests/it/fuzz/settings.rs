//! The settings: a file and an environment, whatever they hold.

use snapferry::domain::{Lane, Region};
use snapferry::settings::{Settings, Sources};
use std::io::Write;

/// Between the environment and the file.
const CUT: &str = "\n---\n";

/// Loads `NAME=text` lines as the environment and what stands behind a line `---` as the file: what comes of it is in its
/// range, or an error of one line.
pub(crate) fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (environment, file) = text.split_once(CUT).unwrap_or(("", &text));
    let env = environment.lines().filter_map(|line| line.split_once('='));
    // Which file is read is not what is tried here.
    let env = env.filter(|(name, _)| *name != "SNAPFERRY_CONFIG").map(|(name, text)| (name.into(), text.into()));
    let mut config = tempfile::NamedTempFile::new().expect("a file");
    config.write_all(file.as_bytes()).expect("written");
    let sources = Sources {
        config_file: Some(config.path().to_owned()),
        env: env.collect(),
        user_data_dir: Some("/data".into()),
        ..Sources::default()
    };
    match Settings::load(&sources) {
        Ok(settings) => {
            let region = Region::parse("us-east-1").expect("a Region");
            for account in settings.accounts() {
                assert!(settings.account(&account).is_some());
                let lane = settings.for_lane(&Lane { account, region });
                let rates = [(lane.export.rate, lane.export.burst), (lane.read.rate, lane.read.burst)];
                for (rate, burst) in rates {
                    assert!(rate > 0.0 && rate <= 1000.0 && (1..=1000).contains(&burst), "{rate} {burst}");
                }
                assert!(lane.poll.min <= lane.poll.max && !lane.poll.min.is_zero());
                assert!(lane.export.backoff_initial <= lane.export.backoff_max && lane.export.max_attempts > 0);
                assert!(lane.reconcile.looks > 0 && !lane.reconcile.settle.is_zero());
            }
        }
        Err(error) => {
            let told = error.to_string();
            assert!(!told.is_empty() && !told.contains('\n'), "{told:?}");
        }
    }
}
