//! The `snapferry` program.

fn main() -> std::process::ExitCode {
    snapferry::cli::main().into()
}
