//! The least time that a service's limit leaves for so many exports: each call is taken in the moment that its token is
//! there. Pure.

/// The service's limit: from each time on, in seconds, so many calls a second. The first is in force from the start.
pub(crate) type Schedule = [(f64, f64)];

/// When each of `count` calls could be taken at the earliest, in seconds, by a bucket that is full at the start.
pub(crate) fn taken_at(schedule: &Schedule, burst: u32, count: usize) -> Vec<f64> {
    let mut times = Vec::with_capacity(count);
    let at_once = usize::try_from(burst).unwrap_or(usize::MAX).min(count);
    times.resize(at_once, 0.0);
    let mut now = 0.0;
    for _ in at_once..count {
        // One token more, at whatever rates are in force until then.
        let mut missing = 1.0;
        for (place, (_, rate)) in schedule.iter().enumerate() {
            let until = schedule.get(place + 1).map_or(f64::INFINITY, |(next, _)| *next);
            if until <= now {
                continue;
            }
            let filled = (until - now) * rate;
            if filled >= missing {
                now += missing / rate;
                break;
            }
            missing -= filled;
            now = until;
        }
        times.push(now);
    }
    times
}

/// When the last export has ended, in seconds, where they are taken at these times and last so long each.
pub(crate) fn last_end(taken: &[f64], lasting: &[f64]) -> f64 {
    taken.iter().zip(lasting).map(|(taken, lasting)| taken + lasting).fold(0.0, f64::max)
}

/// When the last export has ended, in seconds, where each starts in the moment that one of so many slots is free, in this order.
pub(crate) fn last_end_of_slots(slots: u32, lasting: &[f64]) -> f64 {
    let mut free_at = vec![0.0_f64; usize::try_from(slots).unwrap_or(usize::MAX)];
    for lasting in lasting {
        if let Some(first) = free_at.iter_mut().min_by(|one, other| one.total_cmp(other)) {
            *first += lasting;
        }
    }
    free_at.into_iter().fold(0.0, f64::max)
}
