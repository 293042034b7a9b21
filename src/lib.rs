//! Cofrestr.
pub mod authz;
pub mod config;
pub mod domain;
pub mod invent;
pub mod matching;
pub mod register;
pub mod store;
pub mod words;
