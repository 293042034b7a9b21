//! The tests of the whole program: through HTTP on real databases, and of what no unit test can see.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

mod access;
mod alerts;
mod amendments;
mod architecture;
mod audit;
mod births;
mod canary;
mod checks;
mod children;
mod clients;
mod clocks;
mod conferences;
mod conventions;
mod corrections;
mod demo;
mod events;
mod federation;
mod fhir;
mod health;
mod history;
mod identities;
mod imports;
mod invariants;
mod keeper;
mod kill;
mod limits;
mod migrations;
mod missed;
mod notices;
mod openapi;
mod pages;
mod patterns;
mod plans;
mod questions;
mod registrations;
mod released;
mod removals;
mod responsibility;
mod retention;
mod revocations;
mod same_work;
mod sandbox;
mod section47;
mod shielding;
mod statistics;
mod stays;
mod store;
mod tasks;
mod together;
mod transfers;
mod uploads;
mod webhooks;
