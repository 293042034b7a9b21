//! A rule that was broken: where, which, and on whose authority.

use super::coded::Coded;
use super::procedures::Stance;

/// A rule a proposed act can break.
pub trait Rule: Coded + Copy {
    /// Where the rule comes from, when the procedures in force do not say it themselves.
    fn origin(&self) -> &'static str;
}

/// One place at which a proposed act breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach<R> {
    /// The item, as a JSON pointer into what was proposed.
    pub pointer: String,
    /// The rule.
    pub rule: R,
    /// Where the rule comes from.
    pub source: String,
    /// Whether the act is refused or only doubted aloud.
    pub stance: Stance,
}

impl<R: Rule> Breach<R> {
    /// A breach for which the act is refused, with the rule's own source.
    pub fn refused(pointer: impl Into<String>, rule: R) -> Self {
        Self { pointer: pointer.into(), rule, source: rule.origin().to_owned(), stance: Stance::Refuse }
    }

    /// The same on the authority of the procedures in force.
    #[must_use]
    pub fn by(mut self, source: &super::procedures::Source) -> Self {
        source.as_str().clone_into(&mut self.source);
        self
    }

    /// The same with another stance.
    #[must_use]
    pub fn with_stance(mut self, stance: Stance) -> Self {
        self.stance = stance;
        self
    }

    /// Whether the act is refused for it.
    pub fn refuses(&self) -> bool {
        self.stance == Stance::Refuse
    }
}
