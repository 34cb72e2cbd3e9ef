//! Serves a simulated Lightsail until Ctrl-C: `cargo run -p lightsail-simulator --example serve -- [CONFIG.json]`.

use lightsail_simulator::{Simulator, SimulatorConfig, SystemClock};
use std::error::Error;
use std::sync::Arc;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = match std::env::args().nth(1) {
        Some(file) => serde_json::from_str(&std::fs::read_to_string(file)?)?,
        None => SimulatorConfig::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:8470").await?;
    let simulator = Simulator::start(config, listener, Arc::new(SystemClock::new()))?;
    #[expect(clippy::print_stdout, reason = "this is what it has to say")]
    {
        println!("AWS_ENDPOINT_URL_LIGHTSAIL={}", simulator.endpoint());
    }
    std::future::pending::<()>().await;
    Ok(())
}
