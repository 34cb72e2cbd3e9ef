//! Pages are written down while the next ones are fetched: a list waits for the disk beside its calls, not between them.

use super::reading::Unread;
use crate::queue::QueueError;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};

/// Rows that wait for the disk at most while the next page is fetched. A page of more by itself is written down first, so that
/// a reading never holds two of these.
const ROWS: usize = 800;

/// The writes of a reading that are under way. Dropped before their end, some of them may not be made.
#[derive(Default)]
pub(super) struct Behind<'a> {
    writes: FuturesUnordered<BoxFuture<'a, Result<usize, QueueError>>>,
    rows: usize,
}

impl<'a> Behind<'a> {
    /// Lets the writes go on beside a fetch, until that has come.
    pub(super) async fn beside<T>(&mut self, fetch: impl Future<Output = Result<T, Unread>>) -> Result<T, Unread> {
        let mut fetch = std::pin::pin!(fetch);
        loop {
            tokio::select! {
                biased;
                Some(written) = self.writes.next() => self.rows -= written?,
                fetched = &mut fetch => {
                    // What was read before stays read, whatever became of this one.
                    if fetched.is_err() {
                        self.finish().await?;
                    }
                    return fetched;
                }
            }
        }
    }

    /// Takes on the write of so many rows, which goes on beside the next fetch; where they are too many, waits for it.
    pub(super) async fn write(
        &mut self,
        rows: usize,
        write: impl Future<Output = Result<(), QueueError>> + Send + 'a,
    ) -> Result<(), QueueError> {
        self.writes.push(Box::pin(async move { write.await.map(|()| rows) }));
        self.rows += rows;
        while self.rows > ROWS
            && let Some(written) = self.writes.next().await
        {
            self.rows -= written?;
        }
        Ok(())
    }

    /// Waits until all is written.
    pub(super) async fn finish(&mut self) -> Result<(), QueueError> {
        while let Some(written) = self.writes.next().await {
            self.rows -= written?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::Failed;
    use super::*;
    use futures_util::FutureExt as _;
    use std::future::ready;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::oneshot;

    fn failed() -> Failed {
        Failed { text: String::new(), lasts: false }
    }

    /// A write that ends when it is told to, and is counted then.
    fn write(made: &AtomicUsize) -> (oneshot::Sender<()>, impl Future<Output = Result<(), QueueError>> + Send) {
        let (end, ended) = oneshot::channel();
        (end, async move {
            ended.await.map_err(|_| QueueError::Closed)?;
            made.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }

    #[test]
    fn a_page_is_fetched_while_those_before_it_are_written_down() {
        let made = AtomicUsize::new(0);
        let mut behind = Behind::default();
        let (end, one) = write(&made);
        assert!(behind.write(100, one).now_or_never().is_some_and(|begun| begun.is_ok()));
        assert!(matches!(behind.beside(ready(Ok(2))).now_or_never(), Some(Ok(2))));
        assert!(behind.finish().now_or_never().is_none(), "the reading is over when all is written");
        end.send(()).expect("it waits");
        assert!(behind.finish().now_or_never().is_some_and(|all| all.is_ok()));
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_was_read_is_written_down_though_the_next_page_fails() {
        let made = AtomicUsize::new(0);
        let mut behind = Behind::default();
        let (end, one) = write(&made);
        behind.write(100, one).now_or_never().expect("begun").expect("begun");
        let mut failing = Box::pin(behind.beside(ready(Err::<u32, _>(Unread::Passing(failed())))));
        assert!(failing.as_mut().now_or_never().is_none());
        end.send(()).expect("it waits");
        assert!(matches!(failing.now_or_never(), Some(Err(Unread::Passing(_)))));
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_write_that_fails_ends_the_reading() {
        let made = AtomicUsize::new(0);
        let mut behind = Behind::default();
        let (end, one) = write(&made);
        behind.write(100, one).now_or_never().expect("begun").expect("begun");
        drop(end);
        assert!(matches!(behind.beside(ready(Ok(2))).now_or_never(), Some(Err(Unread::Broken(QueueError::Closed)))));
    }

    #[test]
    fn no_more_than_a_few_rows_wait_for_the_disk() {
        let made = AtomicUsize::new(0);
        let mut behind = Behind::default();
        let mut ends = Vec::new();
        for _ in 0..ROWS / 100 {
            let (end, one) = write(&made);
            ends.push(end);
            behind.write(100, one).now_or_never().expect("begun").expect("begun");
        }
        let (_end, one) = write(&made);
        let mut more = Box::pin(behind.write(100, one));
        assert!(more.as_mut().now_or_never().is_none());
        ends.pop().map(|end| end.send(())).expect("one").expect("it waits");
        assert!(more.now_or_never().is_some_and(|begun| begun.is_ok()));
    }

    #[test]
    fn a_page_that_is_long_by_itself_is_written_down_before_the_next_one_is_fetched() {
        let made = AtomicUsize::new(0);
        let mut behind = Behind::default();
        let (end, one) = write(&made);
        let mut long = Box::pin(behind.write(ROWS + 1, one));
        assert!(long.as_mut().now_or_never().is_none());
        end.send(()).expect("it waits");
        assert!(long.now_or_never().is_some_and(|written| written.is_ok()));
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }
}
