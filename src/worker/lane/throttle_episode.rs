//! Tells throttles apart from the episodes they come in: an episode is logged once when it begins and once when it ends,
//! however many calls it throttles. Pure.

use std::time::Duration;

/// An episode ends after this long without a throttle.
const CALM: Duration = Duration::from_mins(1);

/// What to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) enum EpisodeChange {
    Began,
    Ended {
        /// Calls that were throttled.
        throttles: u64,
        /// From the first throttle to the last.
        lasted: Duration,
    },
}

/// The current episode, if there is one.
#[derive(Debug, Clone, Default)]
pub(in crate::worker) struct ThrottleEpisode(Option<Episode>);

#[derive(Debug, Clone)]
struct Episode {
    first: Duration,
    last: Duration,
    throttles: u64,
}

impl ThrottleEpisode {
    /// Records a response that came at `now`.
    pub(in crate::worker) fn on_response(&mut self, throttled: bool, now: Duration) -> Option<EpisodeChange> {
        match (&mut self.0, throttled) {
            (None, true) => {
                self.0 = Some(Episode { first: now, last: now, throttles: 1 });
                Some(EpisodeChange::Began)
            }
            (Some(episode), true) => {
                episode.last = now;
                episode.throttles += 1;
                None
            }
            (Some(episode), false) if now.saturating_sub(episode.last) >= CALM => {
                let lasted = episode.last.saturating_sub(episode.first);
                let edge = EpisodeChange::Ended { throttles: episode.throttles, lasted };
                self.0 = None;
                Some(edge)
            }
            (_, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_logged_once_when_it_begins_and_once_when_it_ends() {
        let mut episode = ThrottleEpisode::default();
        let mut respond = |throttled, second| episode.on_response(throttled, Duration::from_secs(second));
        assert_eq!(respond(false, 1), None);
        assert_eq!(respond(true, 2), Some(EpisodeChange::Began));
        let during = (respond(true, 3), respond(false, 40), respond(true, 50), respond(false, 109));
        assert_eq!(during, (None, None, None, None));
        assert_eq!(respond(false, 110), Some(EpisodeChange::Ended { throttles: 3, lasted: Duration::from_secs(48) }));
        assert_eq!((respond(false, 300), respond(true, 301)), (None, Some(EpisodeChange::Began)));
    }
}
