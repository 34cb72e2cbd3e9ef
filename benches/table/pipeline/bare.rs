//! The least that calling `ExportSnapshot` costs: the SDK in a loop, and nothing else.

use super::ferry::REGION;
use aws_sdk_lightsail::Client;
use aws_sdk_lightsail::config::retry::RetryConfig;
use aws_sdk_lightsail::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use snapferry::clock::{Clock as _, SystemClock};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::JoinSet;

/// Exports the first `count` snapshots of a generated fleet, `concurrency` at a time; the seconds that it took.
pub(crate) async fn export_all(endpoint: &str, count: usize, concurrency: usize) -> Result<f64, Box<dyn Error>> {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let config = aws_sdk_lightsail::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("AKIASIM123456789012", "any", None, None, "bare"))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().tls_provider(tls).build_https())
        .build();
    let client = Client::from_conf(config);
    let next = Arc::new(AtomicUsize::new(1));
    let began = SystemClock::new();
    let mut callers = JoinSet::<Result<(), aws_sdk_lightsail::Error>>::new();
    for _ in 0..concurrency {
        let (client, next) = (client.clone(), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > count {
                    return Ok(());
                }
                let name = format!("snap-{number:05}");
                client.export_snapshot().source_snapshot_name(name).send().await?;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(began.elapsed().as_secs_f64())
}
