//! Who is asking.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::roles::{Role, Sector};
use crate::domain::sensitive::Personal;

/// An organisation as its token names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// The organisation's code (ODS code, or the authority's GSS code).
    pub code: String,
    /// Its name, as other agencies know it.
    pub name: String,
}

/// The authorities that a token reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every authority of the region that answers.
    Region(String),
    /// One authority (GSS code).
    Authority(String),
    /// No authority: an organisation outside the region's councils, which sees only its own enquiries.
    Organisation(String),
}

impl Scope {
    /// Whether an authority (GSS code) lies within the scope. The region's own authorities were checked when the token was
    /// accepted: a token of another region has no scope here.
    pub fn covers(&self, authority: &str) -> bool {
        match self {
            Self::Region(_) => true,
            Self::Authority(own) => own == authority,
            Self::Organisation(_) => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(code) => write!(f, "region:{code}"),
            Self::Authority(code) => write!(f, "authority:{code}"),
            Self::Organisation(code) => write!(f, "organisation:{code}"),
        }
    }
}

/// A person or system whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who vouches for them.
    pub issuer: String,
    /// The issuer's identifier for them: unique together with the issuer.
    pub subject: String,
    /// Their name, for those who read what they did.
    pub name: Option<String>,
    /// The client program that acts for them.
    pub client: Option<String>,
    /// The one role in which they act.
    pub role: Role,
    /// The sector of a partner.
    pub sector: Option<Sector>,
    /// What they reach.
    pub scope: Scope,
    /// Their organisation.
    pub organisation: Option<Organisation>,
    /// Their own family name, when the token has it: to notice a question about their own family.
    pub family_name: Option<Personal<String>>,
    /// Their own postcode, when the token has it.
    pub postcode: Option<Personal<String>>,
    /// When they last signed in, if their identity provider says so.
    pub signed_in_at: Option<DateTime<Utc>>,
}

impl Principal {
    /// A stable key for what is theirs: issuer and subject.
    pub fn key(&self) -> String {
        format!("{}#{}", self.issuer, self.subject)
    }

    /// Whether this is a system that acts by itself, for no person: its subject is the client.
    ///
    /// # Source
    /// RFC 9068, section 2.2: the `sub` of a token that no person stands behind identifies the client.
    pub fn is_a_system(&self) -> bool {
        self.client.as_ref() == Some(&self.subject)
    }

    /// The name under which other enquirers hear of them: their organisation, never the person.
    pub fn agency(&self) -> String {
        match (&self.organisation, self.sector) {
            (Some(organisation), _) => organisation.name.clone(),
            (None, Some(sector)) => sector.as_str().to_owned(),
            (None, None) => self.role.as_str().to_owned(),
        }
    }
}
