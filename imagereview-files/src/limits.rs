//! How much is read as the policy.

/// The largest policy file, in bytes: 4 MiB, which is also the longest text that
/// [`ImagePolicy::compile`](imagereview_core::ImagePolicy::compile) takes.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// The largest size of all policy files together, in bytes: 16 MiB. A `ConfigMap` holds at most 1 MiB.
pub const MAX_TOTAL_BYTES: usize = 16 << 20;

/// The largest number of policy files in a folder: many times what people keep by hand, and few
/// enough that a mistaken path is refused before its files are read.
pub const MAX_FOLDER_FILES: usize = 1000;
