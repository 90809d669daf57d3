//! Placeholder replaced by the disk seam.
