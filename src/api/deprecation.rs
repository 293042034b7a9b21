//! What of the contract is going to end: declared here, said in the document and on every answer.
//!
//! A partner's engineers look at a log of headers long before they read a document. `Deprecation` says since when something
//! should not be built on, `Sunset` from when on it may be gone, and a link what comes in its place. Between the two lie at
//! least [`NOTICE`].
//!
//! # Source
//! RFC 9745 (Deprecation), RFC 8594 (Sunset).

use actix_web::http::header::{self, HeaderName, HeaderValue};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use utoipa::openapi::header::Header;
use utoipa::openapi::path::Operation as Documented;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{Deprecated as Flag, Object, RefOr};

use crate::authz::Operation;

/// How long partners have at least: hospital systems are changed twice a year.
pub const NOTICE: TimeDelta = TimeDelta::days(180);

/// An operation that is going to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Which.
    pub operation: Operation,
    /// Since when nobody should build on it.
    pub since: NaiveDate,
    /// From when on it may be gone.
    pub sunset: NaiveDate,
    /// Where what comes in its place is described, relative to the region's address.
    pub successor: Option<&'static str>,
}

/// Everything that is going to end. Nothing is, at present.
pub const DECLARED: &[Ending] = &[];

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

impl Ending {
    /// The ending of an operation, as an integrator rehearses it in a sandbox: since a day, with the shortest notice.
    pub fn rehearsed(operation: Operation, since: NaiveDate) -> Self {
        Self { operation, since, sunset: since + NOTICE, successor: Some("/docs") }
    }

    /// The fields that every answer of the operation has.
    pub fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let since = self.since.and_time(NaiveTime::MIN).and_utc().timestamp();
        let sunset = self.sunset.and_time(NaiveTime::MIN).format("%a, %d %b %Y %H:%M:%S GMT");
        let link = self.successor.map(|address| (header::LINK, format!("<{address}>; rel=\"successor-version\"")));
        let fields = [(DEPRECATION, format!("@{since}")), (SUNSET, sunset.to_string())].into_iter().chain(link);
        fields.filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?))).collect()
    }

    /// Says in the document that the operation is going to end.
    pub fn document(&self, operation: &mut Documented) {
        operation.deprecated = Some(Flag::True);
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            for (name, says, example) in [
                (
                    "Deprecation",
                    "Since when nobody should build on this (RFC 9745)",
                    format!("@{}", self.since.and_time(NaiveTime::MIN).and_utc().timestamp()),
                ),
                ("Sunset", "From when on this may be gone (RFC 8594)", self.sunset.format("%a, %d %b %Y 00:00:00 GMT").to_string()),
            ] {
                let mut text = Object::with_type(Type::String);
                text.example = Some(example.into());
                let mut field = Header::new(text);
                field.description = Some(says.to_owned());
                response.headers.insert(name.to_owned(), RefOr::T(field));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending() -> Ending {
        Ending::rehearsed(Operation::ListChecks, NaiveDate::from_ymd_opt(2026, 11, 22).unwrap())
    }

    #[test]
    fn an_ending_is_said_in_the_forms_of_the_standards() {
        let said: Vec<(String, String)> =
            ending().headers().into_iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        let expected =
            [("deprecation", "@1795305600"), ("sunset", "Fri, 21 May 2027 00:00:00 GMT"), ("link", "</docs>; rel=\"successor-version\"")];
        assert_eq!(said, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_document_says_it_of_every_answer() {
        use utoipa::OpenApi;
        let mut document = crate::api::openapi::Document::openapi();
        let operation = document.paths.paths.get_mut("/v1/checks").and_then(|path| path.get.as_mut()).unwrap();
        ending().document(operation);
        let said = serde_json::to_value(&operation).unwrap();
        assert_eq!(said["deprecated"], true);
        assert_eq!(said["responses"]["200"]["headers"]["Deprecation"]["schema"]["example"], "@1795305600");
        assert!(said["responses"]["429"]["headers"]["Sunset"].is_object());
    }

    #[test]
    fn whatever_is_declared_leaves_partners_time() {
        for ending in DECLARED {
            assert!(ending.sunset - ending.since >= NOTICE, "{ending:?}");
        }
    }
}
