//! The tests of the whole program: through HTTP on real databases, and of what no unit test can see.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

mod architecture;
mod checks;
mod children;
mod demo;
mod migrations;
mod notices;
mod questions;
mod registrations;
mod sandbox;
mod store;
mod tasks;
