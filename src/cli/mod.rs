//! The command line.
pub mod openapi;
pub mod serve;
