//! The database's files: who may use them, on which disk, and whether they are a copy.

pub(in crate::queue) mod counter;
pub(in crate::queue) mod disk;
pub(in crate::queue) mod inode;
pub(in crate::queue) mod lock;
pub(in crate::queue) mod own_files;
pub(in crate::queue) mod paths;
pub(in crate::queue) mod takeover;
