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

mod alerts;
mod answer;
mod ask;
mod assets;
mod begin;
mod children;
mod departure;
mod entries;
mod form;
mod moves;
mod page;
mod provider;
mod raise;
mod reading;
mod responsibility;
mod sent;
mod session;
mod sign_in;
mod steps;
mod work;

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};

use chrono::TimeDelta;

use crate::config::Config;
use crate::federation::sign_in::Provider;
use crate::register::sessions::Lasts;

/// What the pages of a server know of their surroundings.
#[derive(Debug, Clone)]
pub struct Pages {
    /// The region's identity provider.
    provider: Option<Provider>,
    /// The folder with a token for each person of the sandbox.
    people: Option<PathBuf>,
    /// How long sessions last.
    lasts: Lasts,
    /// How long ago one may have shown who one is, to open a restricted record.
    recent: TimeDelta,
    /// The start of the names of cookies. Cookies of one host are shared by all its ports, and a demo has seven regions on one.
    cookie: Arc<str>,
    /// Whether the pages are reached over HTTPS alone.
    secure: bool,
}

impl Pages {
    /// The pages of a server; nothing where nobody could sign in.
    pub fn new(config: &Config, provider: Option<Provider>) -> Option<Self> {
        let people = &config.pages.sandbox_tokens;
        let people = (!people.is_empty()).then(|| PathBuf::from(people));
        if provider.is_none() && people.is_none() {
            return None;
        }
        let secure = config.server.public_url.starts_with("https://");
        // A browser takes a cookie of this name only from the host itself, over HTTPS.
        let cookie = if secure { "__Host-cofrestr".to_owned() } else { format!("cofrestr-{}", config.region.code) };
        let minutes = |minutes: u32| TimeDelta::minutes(minutes.into());
        let lasts = Lasts { longest: minutes(config.pages.session_minutes), idle: minutes(config.pages.idle_minutes) };
        let recent = TimeDelta::minutes(config.access.recent_authentication_minutes);
        Some(Self { provider, people, lasts, recent, cookie: cookie.into(), secure })
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
            .service(web::resource("/sign-in/return").route(web::get().to(provider::back)))
            .service(web::resource("/signed-out").route(web::get().to(provider::signed_out)))
            .service(web::resource("/sign-out").route(web::post().to(sign_in::out)))
            .service(web::resource("/work").route(web::get().to(work::show)))
            .service(web::resource("/work/{list}").route(web::get().to(work::one)))
            .service(web::resource("/work/notices/{id}").route(web::post().to(work::acknowledge)))
            .service(web::resource("/tasks/{id}").route(web::get().to(work::task)).route(web::post().to(work::close)))
            .service(web::resource("/children/{id}").route(web::get().to(children::show)))
            .service(web::resource("/children/{id}/log").route(web::get().to(children::log)))
            .service(web::resource("/children/{id}/alert").route(web::get().to(raise::show)).route(web::post().to(raise::send)))
            .service(web::resource("/children/{id}/move").route(web::get().to(begin::show)).route(web::post().to(begin::send)))
            .service(
                web::resource("/children/{id}/responsibility")
                    .route(web::get().to(responsibility::show))
                    .route(web::post().to(responsibility::send)),
            )
            .service(
                web::resource("/registrations/{id}/clocks/{item}/departure")
                    .route(web::get().to(departure::show))
                    .route(web::post().to(departure::send)),
            )
            .service(web::resource("/children/{id}/open").route(web::post().to(children::open)))
            .service(web::resource("/moves/{id}").route(web::get().to(moves::show)))
            .service(web::resource("/moves/{id}/{step}").route(web::get().to(moves::step)).route(web::post().to(moves::take)))
            .service(web::resource("/alerts/{id}").route(web::get().to(alerts::show)))
            .service(web::resource("/alerts/{id}/{step}").route(web::get().to(alerts::step)).route(web::post().to(alerts::take)))
            .service(web::resource("/assets/{version}/{file}").route(web::get().to(assets::file)));
    }
}

#[cfg(test)]
mod tests;
