//! A user's home with settings and profiles for three accounts, and a simulator that has something in each.

use lightsail_simulator::{Fleet, Handle, Simulator, SimulatorConfig, Spread, SystemClock};
use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Three accounts in two Regions: what there is, where, of what, how old, and with which tags.
pub(crate) const FLEET: &str = "\
name,account,region,kind,state,disks,size_gb,disk_gb,source,age,tags
web-1,100000000001,eu-west-1,,,,40,,web,30d 12h,env=prod
web-2,100000000001,eu-west-1,,,1,40,64,web,2d 12h,env=prod;keep
data-1,100000000001,eu-west-1,disk,,,100,,data,9d 12h,
young,100000000001,eu-west-1,,pending,,20,,mail,1h,
broken,100000000001,eu-west-1,,error,,20,,mail,3h,
mail-1,100000000001,us-east-1,,,,80,,mail,5d 12h,
shop-1,100000000002,eu-west-1,,,2,160,8,shop,5d 12h,
shop-2,100000000003,us-east-1,,,,20,,-shop,5d 12h,owner==SUM(A1);=1+1
";

pub(crate) const SETTINGS: &str = "\
[export]
backoff_initial = '5ms'
backoff_max = '20ms'
[read]
rate = 500
burst = 50
[poll]
min = '30ms'
max = '100ms'
[plan]
price_per_gb_month = 0.05
currency = 'USD'
[accounts.alpha]
profile = 'a'
regions = ['eu-west-1', 'us-east-1']
[accounts.beta]
profile = 'b'
regions = ['eu-west-1']
[accounts.gamma]
profile = 'c'
regions = ['us-east-1']
";

/// A user's home with settings and profiles, and a Lightsail to look at.
pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) simulator: Handle,
}

impl Home {
    pub(crate) async fn new(change: impl FnOnce(&mut SimulatorConfig)) -> Self {
        let mut config = SimulatorConfig {
            fleet: Fleet::read_csv(FLEET.as_bytes()).expect("a fleet"),
            page_size: NonZeroUsize::new(2).expect("not 0"),
            operation_time: Spread::exactly(Duration::from_millis(50)),
            pending_time: Duration::from_millis(50),
            ..SimulatorConfig::default()
        };
        change(&mut config);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let simulator = Simulator::start(config, listener, Arc::new(SystemClock::new())).expect("a simulator");
        let home = Self { folder: tempfile::tempdir().expect("a folder"), simulator };
        home.put("ferry.toml", SETTINGS);
        let profile = |name: &str, account: u64| {
            format!("[{name}]\naws_access_key_id = AKIASIM{account}\naws_secret_access_key = x\n")
        };
        home.put(
            "credentials",
            &[profile("a", 100_000_000_001), profile("b", 100_000_000_002), profile("c", 100_000_000_003)].concat(),
        );
        home
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("a file");
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, "").await
    }

    /// Runs the program with `input` on stdin.
    pub(crate) async fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        Self::end(self.command(arguments), input).await
    }

    async fn end(mut command: Command, input: &str) -> Ran {
        let input = input.to_owned();
        let ended = tokio::task::spawn_blocking(move || -> std::io::Result<Output> {
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            child.stdin.take().expect("stdin").write_all(input.as_bytes())?;
            child.wait_with_output()
        });
        let output = ended.await.expect("no panic").expect("the program");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The program in this home, to be run.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapferry"));
        command.args(arguments).current_dir(self.path()).env_clear();
        for (name, value) in [
            ("HOME", self.path().display().to_string()),
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("SNAPFERRY_CONFIG", "ferry.toml".to_owned()),
            ("AWS_ENDPOINT_URL_LIGHTSAIL", self.simulator.endpoint()),
            ("AWS_SHARED_CREDENTIALS_FILE", self.path().join("credentials").display().to_string()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ] {
            command.env(name, value);
        }
        command
    }

    /// Runs the program with something else in its environment.
    pub(crate) async fn run_by(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        Self::end(command, "").await
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = std::fs::read_dir(self.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        files.sort();
        files
    }

    pub(crate) fn exports(&self) -> usize {
        self.simulator.calls().iter().filter(|call| call.operation == "ExportSnapshot").count()
    }
}

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// The first column of each line after the header.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.out.lines().skip(1).map(|line| line.split(',').next().expect("a cell")).collect()
    }

    /// A list without the moments in it.
    pub(crate) fn without_times(&self) -> String {
        let cells = |line: &str| -> String {
            line.split(',').map(|cell| if cell.ends_with('Z') { "TIME" } else { cell }).collect::<Vec<_>>().join(",")
        };
        self.out.lines().map(cells).collect::<Vec<_>>().join("\n")
    }
}
