//! The completion report of a batch as a folder, as S3 Batch Operations leaves one: what became of each row as CSV,
//! a manifest, and a page for people. The folder is there whole or not at all.

mod write;

mod folder;

mod part;

mod manifest;

mod digest;

mod timeline;

mod durations;

mod page;

mod page_rows;

mod charts;

mod axis;

mod name;

pub use folder::FolderError;
pub use manifest::{Manifest, PartFacts};
pub use name::folder_names;
pub use write::{BundleError, BundleRequest, Prepared, prepare_bundle};
