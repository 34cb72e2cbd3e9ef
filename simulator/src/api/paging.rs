//! Pages and their tokens. A token is opaque to clients: it belongs to one list of one lane, and no other.

use crate::api::errors::ErrorAnswer;
use crate::setup::config::{LaneAddress, ListOrder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;

/// A list that is read in pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listing<'a> {
    pub(crate) lane: &'a LaneAddress,
    /// The operation, and the resource that it asks about.
    pub(crate) about: (&'a str, &'a str),
    pub(crate) order: ListOrder,
    pub(crate) page_size: NonZeroUsize,
}

/// The places of one page's entries, and the token of the next page.
pub(crate) struct PageRange {
    pub(crate) places: Vec<usize>,
    pub(crate) next: Option<String>,
}

impl Listing<'_> {
    /// The page at `token` (nothing: the first) of a list whose places are `0..length`, of which `is_there` are left.
    ///
    /// # Errors
    /// `InvalidInputException` for a token that this list never gave out.
    pub(crate) fn page(
        &self,
        token: Option<&str>,
        length: usize,
        is_there: impl Fn(usize) -> bool,
    ) -> Result<PageRange, ErrorAnswer> {
        let start = token.map(|token| self.place_of(token)).transpose()?;
        let left = |place: usize| length.saturating_sub(place);
        let candidates: Box<dyn Iterator<Item = usize>> = match self.order {
            ListOrder::OldestFirst => Box::new(start.unwrap_or(0)..length),
            ListOrder::Slipping => Box::new(start.map_or(0, left)..length),
            ListOrder::NewestFirst => Box::new((0..start.map_or(length, |start| length.min(start + 1))).rev()),
        };
        let mut entries = candidates.filter(|place| is_there(*place));
        let places = entries.by_ref().take(self.page_size.get()).collect();
        let told = |place| if self.order == ListOrder::Slipping { left(place) } else { place };
        Ok(PageRange { places, next: entries.next().map(|place| self.token(told(place))) })
    }

    fn token(&self, place: usize) -> String {
        format!("{place:x}-{:016x}", self.seal(place))
    }

    fn place_of(&self, token: &str) -> Result<usize, ErrorAnswer> {
        let place = token.split_once('-').and_then(|(place, _)| usize::from_str_radix(place, 16).ok());
        place
            .filter(|place| self.token(*place) == token)
            .ok_or_else(|| ErrorAnswer::invalid("The page token is not valid."))
    }

    fn seal(&self, place: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.lane, self.about, place).hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list read page by page, where `grows` more have begun with each.
    fn read_growing(order: ListOrder, mut length: usize, grows: usize) -> Vec<usize> {
        let lane = LaneAddress { account: "1".to_owned(), region: "r".to_owned() };
        let page_size = NonZeroUsize::new(3).expect("not 0");
        let listing = Listing { lane: &lane, about: ("GetOperations", ""), order, page_size };
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let page = listing.page(token.as_deref(), length, |place| place != 4).expect("a page");
            all.extend(page.places);
            token = page.next;
            if token.is_none() {
                return all;
            }
            length += grows;
        }
    }

    fn read(order: ListOrder, length: usize) -> Vec<usize> {
        read_growing(order, length, 0)
    }

    #[test]
    fn the_pages_together_are_the_list() {
        assert_eq!(read(ListOrder::OldestFirst, 7), [0, 1, 2, 3, 5, 6]);
        assert_eq!(read(ListOrder::NewestFirst, 8), [7, 6, 5, 3, 2, 1, 0]);
        assert_eq!(read(ListOrder::NewestFirst, 0), [0; 0]);
        assert_eq!(read(ListOrder::Slipping, 7), [0, 1, 2, 3, 5, 6]);
    }

    #[test]
    fn what_begins_between_two_pages_makes_others_slip_only_where_tokens_say_what_is_left() {
        assert_eq!(read_growing(ListOrder::OldestFirst, 7, 1), [0, 1, 2, 3, 5, 6, 7, 8]);
        assert_eq!(read_growing(ListOrder::NewestFirst, 8, 1), [7, 6, 5, 3, 2, 1, 0]);
        assert_eq!(read_growing(ListOrder::Slipping, 8, 1), [0, 1, 2, 5, 6, 7, 9]);
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let lane = LaneAddress { account: "1".to_owned(), region: "r".to_owned() };
        let of = |about| Listing { lane: &lane, about, order: ListOrder::OldestFirst, page_size: NonZeroUsize::MIN };
        let token = of(("GetOperations", "")).page(None, 2, |_| true).ok().and_then(|page| page.next).expect("more");
        assert!(of(("GetOperations", "")).page(Some(&token), 2, |_| true).is_ok());
        for about in [("GetOperations", "x"), ("GetDiskSnapshots", "")] {
            assert!(of(about).page(Some(&token), 2, |_| true).is_err());
        }
    }
}
