//! Stylesheet, scripts and icon: inside the program, the same for everybody.

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;
use aws_lc_rs::digest;

use crate::api::problem::{Kind, Problem};

const FILES: [(&str, &str, &str); 4] = [
    ("pages.css", "text/css; charset=utf-8", include_str!("../assets/pages.css")),
    ("pages.js", "text/javascript; charset=utf-8", include_str!("../assets/pages.js")),
    ("govuk-frontend.js", "text/javascript; charset=utf-8", include_str!("../assets/govuk-frontend.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

/// Where the files of this program are. The name changes with what is in them, so that they may be kept for good.
pub(super) fn base() -> &'static str {
    static BASE: OnceLock<String> = OnceLock::new();
    BASE.get_or_init(|| {
        let mut context = digest::Context::new(&digest::SHA256);
        FILES.iter().for_each(|(_, _, text)| context.update(text.as_bytes()));
        format!("/assets/{}", hex::encode(&context.finish().as_ref()[..8]))
    })
}

/// A file.
pub(super) async fn file(path: Path<(String, String)>) -> Result<HttpResponse, Problem> {
    let (version, name) = path.into_inner();
    let found = FILES.iter().find(|(file, _, _)| *file == name).filter(|_| base().ends_with(&version)).ok_or(Kind::NotFound)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, found.1))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(found.2))
}
