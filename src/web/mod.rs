//! The assembly of the server.
