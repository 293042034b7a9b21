#![doc = include_str!("README.md")]

pub mod api;
pub mod authz;
pub mod cli;
pub mod config;
pub mod domain;
pub mod federation;
pub mod invent;
pub mod matching;
pub mod register;
pub mod store;
mod upkeep;
pub mod web;
pub mod words;
