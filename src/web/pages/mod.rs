//! The out-of-hours pages: rendered here, in Welsh and English, working without JavaScript.
//!
//! ```text
//! GET /ask ─▶ POST /ask ─▶ api::checks::put (the one way in which a check comes about) ─▶ 303 /answers/{id} ─▶ api::checks::again
//!      ▲                                                                                     │ reloads itself while incomplete
//!      └── /sign-in ◀── no session                                                           └─▶ /answers/{id}/receipt
//! ```
//!
//! A page is one more caller of the API, inside the program: it spends the same permits, so policy, budgets and audit log are those
//! of the API. What it shows is what the API answered, put into words of `locales/`.

mod answer;
mod ask;
mod assets;
mod form;
mod page;
mod session;
mod sign_in;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};

use crate::config::Config;

/// What the pages of a server know of their surroundings.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The folder with a token for each person of the sandbox.
    people: PathBuf,
    /// The start of the names of cookies. Cookies of one host are shared by all its ports, and a demo has seven regions on one.
    cookie: Arc<str>,
    /// Whether the pages are reached over HTTPS alone.
    secure: bool,
}

impl Pages {
    /// The pages of a server; nothing where nobody could sign in.
    pub fn new(config: &Config) -> Option<Self> {
        if config.pages.sandbox_tokens.is_empty() {
            return None;
        }
        let secure = config.server.public_url.starts_with("https://");
        // A browser takes a cookie of this name only from the host itself, over HTTPS.
        let cookie = if secure { "__Host-cofrestr".to_owned() } else { format!("cofrestr-{}", config.region.code) };
        Some(Self { people: PathBuf::from(&config.pages.sandbox_tokens), cookie: cookie.into(), secure })
    }

    /// Adds their routes.
    pub fn configure(&self, config: &mut ServiceConfig) {
        config
            .app_data(Data::new(self.clone()))
            .service(web::resource("/").route(web::get().to(ask::home)))
            .service(web::resource("/ask").route(web::get().to(ask::blank)).route(web::post().to(ask::send)))
            .service(web::resource("/answers/{id}").route(web::get().to(answer::show)))
            .service(web::resource("/answers/{id}/receipt").route(web::get().to(answer::receipt)))
            .service(web::resource("/sign-in").route(web::get().to(sign_in::blank)).route(web::post().to(sign_in::send)))
            .service(web::resource("/sign-out").route(web::post().to(sign_in::out)))
            .service(web::resource("/work").route(web::get().to(work::show)))
            .service(web::resource("/work/notices/{id}").route(web::post().to(work::acknowledge)))
            .service(web::resource("/assets/{version}/{file}").route(web::get().to(assets::file)));
    }
}

#[cfg(test)]
mod tests;
