//! Reading a list page by page, to its end, without trusting the tokens: a list that leads back to a page already
//! read ends in an error instead of a circle.

use super::{CallError, ExportRecord, Lightsail, Operation, Page, PageToken, Snapshot, SnapshotKind};
use crate::domain::SnapshotName;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

type PageAnswer<'a, T> = Pin<Box<dyn Future<Output = Result<Page<T>, CallError>> + Send + 'a>>;
type Fetch<'a, T> = Box<dyn FnMut(Option<PageToken>) -> PageAnswer<'a, T> + Send + 'a>;

/// Why a list was not read to its end. Whatever was read before proves presence, never absence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadingError {
    /// A page could not be had.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The list led back to a page already read.
    #[error("the list came back to a page already read, after {pages} pages")]
    RepeatedToken {
        /// Pages read until then.
        pages: u32,
    },
}

/// A list being read. The caller holds one page at a time and may stop early, but only a reading that came to `None`
/// was complete.
pub struct Pages<'a, T> {
    call: &'static str,
    fetch: Fetch<'a, T>,
    /// The token of the next page; none at the first.
    token: Option<PageToken>,
    complete: bool,
    seen: HashSet<PageToken>,
    count: u32,
}

impl<'a, T: 'a> Pages<'a, T> {
    fn over(call: &'static str, fetch: impl FnMut(Option<PageToken>) -> PageAnswer<'a, T> + Send + 'a) -> Self {
        Self { call, fetch: Box::new(fetch), token: None, complete: false, seen: HashSet::new(), count: 0 }
    }

    /// The next page, or `None` once all were read. After an error, or dropped in the middle, the same page is requested
    /// again.
    ///
    /// # Errors
    /// [`ReadingError`], where a page cannot be had or the list runs in a circle.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, ReadingError> {
        if self.complete {
            return Ok(None);
        }
        let page = (self.fetch)(self.token.clone()).await?;
        self.count = self.count.saturating_add(1);
        if page.next.as_ref().is_some_and(|token| !self.seen.insert(token.clone())) {
            return Err(ReadingError::RepeatedToken { pages: self.count });
        }
        self.complete = page.next.is_none();
        self.token = page.next;
        Ok(Some(page.items))
    }

    /// The call that fetches a page, as Lightsail names it.
    pub fn call(&self) -> &'static str {
        self.call
    }

    /// Pages read so far.
    pub fn pages(&self) -> u32 {
        self.count
    }
}

impl<'a> Pages<'a, Operation> {
    /// The operations of one snapshot, or of the lane.
    pub fn operations(api: &'a dyn Lightsail, of: Option<&'a SnapshotName>) -> Self {
        let call = if of.is_some() { "GetOperationsForResource" } else { "GetOperations" };
        Self::over(call, move |token| api.operations(of, token))
    }
}

impl<'a> Pages<'a, ExportRecord> {
    /// The lane's export records.
    pub fn export_records(api: &'a dyn Lightsail) -> Self {
        Self::over("GetExportSnapshotRecords", move |token| api.export_records(token))
    }
}

impl<'a> Pages<'a, Snapshot> {
    /// The lane's snapshots of that kind.
    pub fn snapshots(api: &'a dyn Lightsail, kind: SnapshotKind) -> Self {
        let call = match kind {
            SnapshotKind::Instance => "GetInstanceSnapshots",
            SnapshotKind::Disk => "GetDiskSnapshots",
        };
        Self::over(call, move |token| api.snapshots(kind, token))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ErrorClass;
    use super::*;

    /// A list whose page `n` (0 is the first) is followed by page `links[n]`; number 9 cannot be read.
    fn list(links: &'static [Option<usize>]) -> Pages<'static, usize> {
        Pages::over("List", move |token| {
            Box::pin(async move {
                let number = token.map_or(0, |token| token.as_str().parse().expect("a number"));
                if number == 9 {
                    return Err(CallError::new(ErrorClass::Throttled, "SlowDown", ""));
                }
                let next = links[number].map(|next| PageToken::new(next.to_string()));
                Ok(Page { items: if number == 1 { vec![] } else { vec![number] }, next })
            })
        })
    }

    async fn read_all(mut pages: Pages<'static, usize>, mut each: impl FnMut(Vec<usize>)) -> Result<u32, ReadingError> {
        while let Some(items) = pages.next().await? {
            each(items);
        }
        Ok(pages.pages())
    }

    #[tokio::test]
    async fn every_page_is_read_even_after_an_empty_one() {
        let mut items = Vec::new();
        let pages = read_all(list(&[Some(1), Some(2), None]), |page| items.extend(page)).await;
        assert_eq!((pages, items), (Ok(3), vec![0, 2]));
    }

    #[tokio::test]
    async fn a_circle_is_an_error() {
        let pages = read_all(list(&[Some(1), Some(2), Some(1)]), drop).await;
        assert_eq!(pages, Err(ReadingError::RepeatedToken { pages: 3 }));
    }

    #[tokio::test]
    async fn a_reading_ends_with_its_first_error() {
        let mut pages = list(&[Some(9)]);
        assert_eq!(pages.next().await, Ok(Some(vec![0])));
        assert!(matches!(pages.next().await, Err(ReadingError::Call(_))));
        assert!(matches!(pages.next().await, Err(ReadingError::Call(_))), "never a None after an error");
        assert_eq!(pages.pages(), 1);
    }

    #[tokio::test]
    async fn a_page_that_could_not_be_had_is_requested_again_and_a_circle_stays_an_error() {
        let mut asked = Vec::new();
        let mut pages = Pages::over("List", |token| {
            asked.push(token.as_ref().map(|token| token.as_str().to_owned()));
            let first = asked.len() == 2;
            Box::pin(async move {
                match token {
                    None => Ok(Page { items: vec![0], next: Some(PageToken::new("1")) }),
                    Some(_) if first => Err(CallError::new(ErrorClass::Throttled, "SlowDown", "")),
                    Some(_) => Ok(Page { items: vec![1], next: None }),
                }
            })
        });
        assert_eq!(pages.next().await, Ok(Some(vec![0])));
        assert!(pages.next().await.is_err());
        assert_eq!(pages.next().await, Ok(Some(vec![1])));
        assert_eq!(pages.next().await, Ok(None));
        drop(pages);
        assert_eq!(asked, [None, Some("1".to_owned()), Some("1".to_owned())]);

        let mut circle = list(&[Some(1), Some(1)]);
        while circle.next().await.is_ok() {}
        assert_eq!(circle.next().await, Err(ReadingError::RepeatedToken { pages: 3 }), "never a page twice");
    }
}
