//! The HTTP shape: JSON under `/v1`, problems, the OpenAPI document. A handler only translates.

pub mod amendments;
pub mod app;
pub mod audit;
pub mod checks;
pub mod children;
pub mod clocks;
pub mod conferences;
pub mod directory;
pub mod fields;
pub mod gate;
pub mod limits;
pub mod notices;
pub mod openapi;
pub mod operational;
pub mod paging;
pub mod plans;
pub mod problem;
pub mod registrations;
pub mod removal;
pub mod respond;
pub mod revocations;
pub mod routes;
pub mod sandbox;
pub mod section47;
pub mod shapes;
pub mod vocabulary;
