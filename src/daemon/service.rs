//! Services that run beside the lanes and never end them: a failure or a panic is logged, and the service is retried.

use crate::clock::{SharedClock, Stop, stopped};
use crate::queue::QueueError;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// The waits after failures: the first, and the longest that they double to.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// Something that is done periodically.
pub(super) trait BackgroundService: Send + 'static {
    /// What a person calls it.
    const WHAT: &'static str;

    /// Does what is due; how long to wait then.
    fn once(&mut self, stop: &Stop) -> impl Future<Output = Result<Duration, QueueError>> + Send;
}

/// The wait after one more failure.
pub(super) fn longer(wait: Option<Duration>) -> Duration {
    wait.map_or(FIRST, |wait| (wait * 2).min(LONGEST))
}

/// Runs a service until `stop`.
pub(super) async fn keep<S: BackgroundService>(
    mut service: S,
    clock: SharedClock,
    mut stop: Stop,
) -> Result<(), QueueError> {
    let (service, what) = (&mut service, S::WHAT);
    let mut failing = None;
    while !*stop.borrow() {
        let rest = match AssertUnwindSafe(service.once(&stop)).catch_unwind().await {
            Ok(Ok(rest)) => {
                if failing.take().is_some() {
                    tracing::info!("{what} works again");
                }
                rest
            }
            failed => {
                let why = match failed {
                    Ok(Err(error)) => in_one_line(&error),
                    Ok(Ok(_)) | Err(_) => "a part of Snapferry panicked, which is a bug".to_owned(),
                };
                let wait = longer(failing);
                failing = Some(wait);
                tracing::warn!(
                    "{what} failed: {why}; retrying in {}; exports continue",
                    humantime::format_duration(wait)
                );
                wait
            }
        };
        tokio::select! {
            () = clock.sleep(rest) => {}
            () = stopped(&mut stop) => {}
        }
    }
    Ok(())
}

pub(super) fn in_one_line(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::Timestamp;
    use std::sync::Arc;
    use tokio::sync::{mpsc, watch};

    /// Fails, panics, and then works.
    struct Shaky(u32, mpsc::UnboundedSender<u32>);

    impl BackgroundService for Shaky {
        const WHAT: &'static str = "a test";

        async fn once(&mut self, _stop: &Stop) -> Result<Duration, QueueError> {
            self.0 += 1;
            self.1.send(self.0).expect("a test");
            match self.0 {
                1 | 5 => Err(QueueError::DiskFull),
                2 => panic!("for a test"),
                _ => Ok(Duration::from_hours(1)),
            }
        }
    }

    #[tokio::test]
    async fn what_fails_or_panics_is_tried_again_after_waits_that_double_and_begin_anew_once_it_works() {
        let manual = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let (halt, stop) = watch::channel(false);
        let (tell, mut told) = mpsc::unbounded_channel();
        let kept = tokio::spawn(keep(Shaky(0, tell), manual.clone(), stop));
        assert_eq!(told.recv().await, Some(1));
        for (time, wait) in [(2, 1), (3, 2), (4, 3600), (5, 3600), (6, 1)] {
            // It sleeps once it has nothing else to do, and not a moment too short.
            tokio::task::yield_now().await;
            manual.advance(Duration::from_secs(wait).saturating_sub(Duration::from_millis(1)));
            tokio::task::yield_now().await;
            assert!(told.try_recv().is_err(), "{time}");
            manual.advance(Duration::from_millis(1));
            assert_eq!(told.recv().await, Some(time));
        }
        halt.send(true).expect("a service");
        kept.await.expect("no panic").expect("no error");
        assert_eq!((longer(Some(Duration::from_secs(200))), longer(None)), (LONGEST, FIRST));
    }
}
