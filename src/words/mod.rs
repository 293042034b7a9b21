//! What is said to people, in Welsh and in English. Codes never change with language; these words do.
//!
//! The messages live in `locales/*.ftl` (Fluent), used by the API and the pages alike. A test fails when a message is
//! missing in either language.

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};

pub use crate::domain::language::Language;

const ENGLISH: &str = include_str!("../../locales/en.ftl");
const WELSH: &str = include_str!("../../locales/cy.ftl");

type Bundle = FluentBundle<FluentResource>;

fn bundle(language: Language) -> &'static Bundle {
    static EN: OnceLock<Bundle> = OnceLock::new();
    static CY: OnceLock<Bundle> = OnceLock::new();
    match language {
        Language::English => EN.get_or_init(|| read("en", ENGLISH)),
        Language::Welsh => CY.get_or_init(|| read("cy", WELSH)),
    }
}

fn read(tag: &str, text: &str) -> Bundle {
    let tag = tag.parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![tag]);
    // The marks that isolate inserted text from its surroundings would stand in plain JSON strings.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, _)| resource);
    let _ = bundle.add_resource(resource);
    bundle
}

/// Says a message, if there is one by that name.
pub fn find(language: Language, name: &str, values: &[(&str, &str)]) -> Option<String> {
    let bundle = bundle(language);
    let pattern = bundle.get_message(name)?.value()?;
    let mut arguments = FluentArgs::new();
    for (key, value) in values {
        arguments.set(*key, *value);
    }
    let mut errors = Vec::new();
    Some(bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned())
}

/// Says a message with values put into it. A missing message is said by its name: a defect that the tests find, never an
/// empty line to a person.
pub fn say(language: Language, name: &str, values: &[(&str, &str)]) -> String {
    find(language, name, values).unwrap_or_else(|| name.to_owned())
}

/// The names of all messages in a language.
pub fn names(language: Language) -> Vec<String> {
    let text = match language {
        Language::English => ENGLISH,
        Language::Welsh => WELSH,
    };
    text.lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(|name| name.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_the_same_things() {
        assert_eq!(names(Language::English), names(Language::Welsh));
        for (tag, text) in [("en", ENGLISH), ("cy", WELSH)] {
            FluentResource::try_new(text.to_owned()).unwrap_or_else(|(_, errors)| panic!("{tag}: {errors:?}"));
        }
    }

    #[test]
    fn both_languages_put_in_the_same_values() {
        let values = |text: &'static str| -> Vec<(String, Vec<String>)> {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, said)| {
                    let mut found: Vec<_> =
                        said.split("{ $").skip(1).filter_map(|rest| rest.split_once(' ').map(|(v, _)| v.to_owned())).collect();
                    found.sort();
                    (name.trim().to_owned(), found)
                })
                .collect()
        };
        assert_eq!(values(ENGLISH), values(WELSH));
    }

    #[test]
    fn a_missing_message_is_said_by_its_name() {
        assert_eq!(say(Language::Welsh, "no-such-message", &[]), "no-such-message");
    }
}
