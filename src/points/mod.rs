//! Every durable step by its name, and the points between two of them: where a crash is tried out. A build without debug
//! assertions has the names and no points.

mod crash;
mod point;
mod step;

pub use crash::reached;
pub use point::{Between, Point};
pub use step::Step;
