//! From a CSV to exports that have ended: how close a lane comes to what its limits allow, and in how many calls.

mod capped;
mod ferry;
mod ideal;
mod paced;
mod service;

use crate::figure::{Figure, Goal};

/// The figures of this module, in the order in which they are printed.
pub(crate) fn figures() -> Vec<Figure> {
    vec![
        Figure {
            name: "lane-known",
            what: "2,000 exports at 20/s, operations of 5 to 15 s, in a lane that knows its rate: from the daemon's start to its end",
            against: "ideal: (N - burst) / rate + last operation",
            goal: Goal::AtMost(1.02),
            pair: paced::rate_known,
        },
        Figure {
            name: "lane-unknown",
            what: "the same in a new lane under a ceiling ten times too high; the limit halves after 30 s and doubles after 60 s",
            against: "ideal for the true schedule",
            goal: Goal::AtMost(1.10),
            pair: paced::rate_unknown,
        },
        Figure {
            name: "lane-calls",
            what: "calls of all kinds in that run, throttled ones too",
            against: "its exports",
            goal: Goal::AtMost(1.50),
            pair: paced::calls_per_export,
        },
        Figure {
            name: "lane-cap",
            what: "160 exports of 15 to 60 s under a cap of 20 copies: from the daemon's start to its end",
            against: "the same exports in the same order, each started as soon as a copy is free",
            goal: Goal::AtMost(1.02),
            pair: capped::beside_no_gap,
        },
    ]
}
