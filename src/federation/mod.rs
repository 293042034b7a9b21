//! Other regions.
