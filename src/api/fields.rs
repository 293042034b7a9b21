//! Reading the items of a request into domain values: every mistake is collected, each with its place.

use std::str::FromStr;

use super::problem::{FieldError, Problem};
use crate::domain::coded::Coded;
use crate::register::Broken;

/// Collects mistakes while items are read.
#[derive(Debug, Default)]
pub struct Fields {
    errors: Vec<FieldError>,
}

impl Fields {
    /// Notes a mistake.
    pub fn wrong(&mut self, pointer: &str, error: &dyn Coded) {
        self.errors.push(FieldError::worded(pointer, error.code(), error.to_string()));
    }

    /// Notes that an item is missing.
    pub fn missing(&mut self, pointer: &str) {
        self.errors.push(FieldError::named(pointer, "missing"));
    }

    /// Notes a mistake with words of its own.
    pub fn note(&mut self, pointer: &str, code: &'static str, detail: &str) {
        self.errors.push(FieldError::worded(pointer, code, detail));
    }

    /// Notes a rule of the procedures that would be broken.
    pub fn broken(&mut self, broken: Broken) {
        self.errors.push(broken.into());
    }

    /// What a result holds; its mistake is noted.
    pub fn keep<T, E: Coded>(&mut self, pointer: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.wrong(pointer, &error)).ok()
    }

    /// Reads an item that may be absent.
    pub fn optional<T>(&mut self, pointer: &str, text: Option<&str>) -> Option<T>
    where
        T: FromStr,
        T::Err: Coded,
    {
        text.and_then(|text| self.keep(pointer, text.parse()))
    }

    /// Reads an item that must be there.
    pub fn required<T>(&mut self, pointer: &str, text: Option<&str>) -> Option<T>
    where
        T: FromStr,
        T::Err: Coded,
    {
        if text.is_none() {
            self.missing(pointer);
        }
        self.optional(pointer, text)
    }

    /// Refuses a list that is longer than its bound; what is beyond it is not read.
    pub fn bounded<'a, T>(&mut self, pointer: &str, list: &'a [T], most: usize) -> &'a [T] {
        if list.len() > most {
            self.note(pointer, "too-many-items", &format!("give at most {most}"));
        }
        &list[..list.len().min(most)]
    }

    /// Whether anything was wrong so far.
    pub fn any(&self) -> bool {
        !self.errors.is_empty()
    }

    /// What was read, when nothing was wrong.
    ///
    /// # Errors
    /// 422 with every mistake.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        match read {
            Some(read) if self.errors.is_empty() => Ok(read),
            _ => Err(Problem::invalid(self.errors)),
        }
    }
}
