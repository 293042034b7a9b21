//! This region: its authorities and whom to ring there, its matcher, its signing keys, and what it tells to whom.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};

use super::RegisterError;
use super::budgets::Budgets;
use super::keys::Signer;
use super::matcher::Matcher;
use super::peers::directory::Known;
use super::peers::statement::{CAPABILITIES, Descent, Said, StatedAuthority};
use super::peers::{Membership, message};
use super::webhooks::Sending;
use super::webhooks::signing::WebhookSecrets;
use crate::authz::Principal;
use crate::config::{BothNames, Config, ConfigError, Contacts, Federation, Fishing, MemberRegion};
use crate::domain::calendar::Calendar;
use crate::domain::contact::Contact;
use crate::domain::identifiers::{Ranges, RegionCode};
use crate::domain::nation::Nation;
use crate::domain::procedures::Procedures;
use crate::domain::retention::RetentionRule;
use crate::domain::roles::{Role, Sector};
use crate::domain::search_set::{Member, Standing};
use crate::domain::shift::{AuthorityContacts, WeeklyHours};
use crate::words::Language;

/// Why a region cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// The configuration does not make sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A contact, code or nation in the configuration or the members file cannot be used.
    #[error("{place}: {problem}")]
    Entry {
        /// Where.
        place: String,
        /// What is wrong.
        problem: String,
    },
}

/// A region of the federation.
#[derive(Debug, Clone)]
pub struct RegionEntry {
    /// Its code.
    pub code: RegionCode,
    /// Its name, English and Welsh.
    pub name: [String; 2],
    /// Its nation: whose bank holidays it keeps.
    pub nation: Nation,
    /// Its authorities.
    pub authorities: Vec<AuthorityEntry>,
}

/// An authority.
#[derive(Debug, Clone)]
pub struct AuthorityEntry {
    /// GSS code.
    pub gss: String,
    /// Its name, English and Welsh.
    pub name: [String; 2],
    /// Its number at the Department for Education, in England.
    pub lea: Option<u16>,
    /// Whom to ring; known for every authority of the own region.
    pub contacts: Option<AuthorityContacts>,
}

fn in_language(names: &[String; 2], language: Language) -> &str {
    match language {
        Language::English => &names[0],
        Language::Welsh => &names[1],
    }
}

impl RegionEntry {
    /// Its name in a language.
    pub fn name(&self, language: Language) -> &str {
        in_language(&self.name, language)
    }

    /// Whom to ring at this minute about something that concerns no single authority: the first that has contacts.
    pub fn contact_now(&self, at: DateTime<Utc>) -> Option<&Contact> {
        self.authorities.iter().find_map(|authority| authority.contact_now(self.nation, at))
    }
}

impl AuthorityEntry {
    /// Its name in a language.
    pub fn name(&self, language: Language) -> &str {
        in_language(&self.name, language)
    }

    /// The number to ring at this minute, by shift and bank holidays. In a year for which no bank holidays are known the
    /// emergency duty team is named: it always answers.
    pub fn contact_now(&self, nation: Nation, at: DateTime<Utc>) -> Option<&Contact> {
        let contacts = self.contacts.as_ref()?;
        let now = Calendar::for_nation(nation).and_then(|calendar| contacts.contact_now(at, calendar));
        Some(now.unwrap_or(&contacts.out_of_hours))
    }
}

/// What is told to whom beyond the minimum.
#[derive(Debug, Clone)]
pub struct Disclosure {
    former_registrations: Vec<String>,
    earlier_agencies: Vec<String>,
    superseded_numbers: Vec<String>,
}

impl Disclosure {
    fn includes(list: &[String], role: Role, sector: Option<Sector>) -> bool {
        let name = sector.map_or_else(|| role.as_str(), |sector| sector.as_str());
        list.iter().any(|entry| entry == name)
    }

    /// Whether somebody is told that a child was formerly registered.
    pub fn former_registrations(&self, role: Role, sector: Option<Sector>) -> bool {
        Self::includes(&self.former_registrations, role, sector)
    }

    /// Whether somebody who asks by a superseded number is told the one in use.
    pub fn superseded_numbers(&self, principal: &Principal) -> bool {
        Self::includes(&self.superseded_numbers, principal.role, principal.sector)
    }

    /// Whether somebody is told which agencies asked before.
    pub fn earlier_agencies(&self, principal: &Principal) -> bool {
        self.earlier_agencies_of(principal.role, principal.sector)
    }

    /// The same of somebody whom another region vouches for.
    pub fn earlier_agencies_of(&self, role: Role, sector: Option<Sector>) -> bool {
        Self::includes(&self.earlier_agencies, role, sector)
    }
}

/// This region, as the use cases need it.
#[derive(Debug)]
pub struct Region {
    /// What the tokens that the region issues say in `iss`: its public address.
    pub issuer: String,
    own: Arc<RegionEntry>,
    /// What the members file says: of this region, and of the others while there is no directory.
    file: BTreeMap<RegionCode, Arc<RegionEntry>>,
    stated: MemberRegion,
    contacts: BTreeMap<String, Contacts>,
    public_address: String,
    membership: RwLock<Arc<Membership>>,
    /// How this region meets others.
    pub federation: Federation,
    /// Finds people.
    pub matcher: Matcher,
    /// Signs receipts.
    pub signer: Arc<Signer>,
    /// How much callers may ask.
    pub budgets: Arc<Budgets>,
    /// What makes enquiries look like fishing.
    pub fishing: Fishing,
    /// The child protection procedures that its authorities follow.
    pub procedures: &'static Procedures,
    /// After how long each level is told of an urgent notice that nobody has read.
    pub unread: Vec<(TimeDelta, Role)>,
    /// For how long notices of routine checks about a child are put together; zero: not at all.
    pub together: TimeDelta,
    /// Authorities that have retention rules of their own.
    retention: BTreeMap<String, Vec<RetentionRule>>,
    /// For how many months a check that found nobody is kept.
    pub enquiry_months: u32,
    /// What is told to whom.
    pub disclosure: Disclosure,
    /// Time budget of a check when the enquirer names none, in milliseconds.
    pub deadline_ms: u64,
    /// How far back earlier enquiries are told, in days.
    pub look_back_days: i64,
    /// How long an answer may be relied on, in minutes.
    pub valid_minutes: i64,
    /// Whether a second agency's enquiry about an unregistered child raises a task.
    pub repeat_raises_task: bool,
    /// The most children in a batch.
    pub batch_limit: usize,
    /// How long a restricted record stays open that was opened in an emergency, in minutes.
    pub break_glass_minutes: i64,
    /// How recently somebody must have signed in to open one, in minutes; `None` when that is not asked.
    pub recent_sign_in_minutes: Option<i64>,
    /// How events are sent to partner systems.
    pub sending: Sending,
    /// The secrets by which they are signed.
    pub webhooks: WebhookSecrets,
    /// Whether this is a sandbox.
    pub sandbox: bool,
    /// Whether questions are searched; a sandbox can be without it, for measuring.
    pub matching: bool,
}

fn contact(place: &str, entry: &crate::config::ContactEntry) -> Result<Contact, RegionError> {
    let problem =
        |what: &str, error: &dyn std::fmt::Display| RegionError::Entry { place: format!("{place}.{what}"), problem: error.to_string() };
    let mut contact = Contact::new(
        entry.name.parse().map_err(|error| problem("name", &error))?,
        entry.phone.parse().map_err(|error| problem("phone", &error))?,
    );
    contact.email = entry.email.as_deref().map(str::parse).transpose().map_err(|error| problem("email", &error))?;
    contact.hours = entry.hours.as_deref().map(str::parse).transpose().map_err(|error| problem("hours", &error))?;
    Ok(contact)
}

/// Whom to ring at an authority, checked.
///
/// # Errors
/// When a name, number or address cannot be used.
pub(super) fn contacts(gss: &str, entry: &Contacts) -> Result<AuthorityContacts, RegionError> {
    Ok(AuthorityContacts {
        office: contact(&format!("contacts.{gss}.office"), &entry.office)?,
        office_hours: WeeklyHours::usual(),
        out_of_hours: contact(&format!("contacts.{gss}.out_of_hours"), &entry.out_of_hours)?,
    })
}

/// The procedures that this region follows: read once, when the program starts, and kept while it runs.
fn procedures(config: &Config) -> Result<&'static Procedures, RegionError> {
    Ok(Box::leak(Box::new(config.procedures()?)))
}

fn unread(config: &Config) -> Result<Vec<(TimeDelta, Role)>, RegionError> {
    let hours = i64::from(config.escalation.unread_hours);
    (1..)
        .zip(&config.escalation.unread_roles)
        .map(|(level, role)| {
            let role = role.parse().map_err(|error: <Role as std::str::FromStr>::Err| RegionError::Entry {
                place: "escalation.unread_roles".into(),
                problem: error.to_string(),
            })?;
            Ok((TimeDelta::hours(level * hours), role))
        })
        .collect()
}

impl Region {
    /// Sets the region up from its configuration.
    ///
    /// # Errors
    /// When a code, nation or contact cannot be used.
    pub fn new(config: &Config, matcher: Matcher, signer: Arc<Signer>) -> Result<Self, RegionError> {
        let webhooks =
            signer.webhook_secrets().map_err(|error| RegionError::Entry { place: "keys.folder".into(), problem: error.to_string() })?;
        let mut members = BTreeMap::new();
        let mut stated = None;
        for member in config.member_regions()? {
            let problem =
                |error: &dyn std::fmt::Display| RegionError::Entry { place: format!("member {}", member.code), problem: error.to_string() };
            let code: RegionCode = member.code.parse().map_err(|error| problem(&error))?;
            let authorities = member
                .authorities
                .iter()
                .map(|authority| {
                    Ok(AuthorityEntry {
                        gss: authority.gss.clone(),
                        lea: authority.lea,
                        name: [authority.name.en.clone(), authority.name.cy.clone()],
                        contacts: config.contacts.get(&authority.gss).map(|entry| contacts(&authority.gss, entry)).transpose()?,
                    })
                })
                .collect::<Result<_, RegionError>>()?;
            let entry = RegionEntry {
                code: code.clone(),
                name: [member.name.en.clone(), member.name.cy.clone()],
                nation: member.nation.parse().map_err(|error| problem(&error))?,
                authorities,
            };
            if entry.code.as_str() == config.region.code {
                stated = Some(member.clone());
            }
            members.insert(code, Arc::new(entry));
        }
        let missing = || RegionError::Entry { place: "region.code".into(), problem: "is not a member".into() };
        let stated = stated.ok_or_else(missing)?;
        let own = members.values().find(|entry| entry.code.as_str() == config.region.code).cloned().ok_or_else(missing)?;
        Ok(Self {
            procedures: procedures(config)?,
            unread: unread(config)?,
            together: TimeDelta::hours(config.escalation.together_hours.into()),
            own,
            issuer: config.server.public_url.trim_end_matches('/').to_owned(),
            membership: RwLock::new(Arc::new(Membership::alone(members.clone()))),
            file: members,
            stated,
            contacts: config.contacts.clone(),
            public_address: config.server.public_url.clone(),
            federation: config.federation.clone(),
            matcher,
            signer,
            budgets: Arc::new(Budgets::new(&config.limits)),
            fishing: config.fishing.clone(),
            retention: config.retention.authorities.clone(),
            enquiry_months: config.retention.enquiry_months,
            disclosure: Disclosure {
                former_registrations: config.disclosure.former_registrations.clone(),
                earlier_agencies: config.disclosure.earlier_agencies.clone(),
                superseded_numbers: config.disclosure.superseded_numbers.clone(),
            },
            deadline_ms: config.search.deadline_ms,
            look_back_days: config.enquiries.look_back_days,
            valid_minutes: config.enquiries.valid_minutes,
            repeat_raises_task: config.enquiries.repeat_raises_task,
            batch_limit: config.enquiries.batch_limit,
            break_glass_minutes: config.access.break_glass_minutes,
            recent_sign_in_minutes: config.access.require_recent_authentication.then_some(config.access.recent_authentication_minutes),
            sending: Sending::of(&config.webhooks),
            webhooks,
            sandbox: config.sandbox.enabled,
            matching: config.sandbox.matching,
        })
    }

    /// The region's code.
    pub fn code(&self) -> &RegionCode {
        &self.own.code
    }

    /// The region itself.
    pub fn own(&self) -> &RegionEntry {
        &self.own
    }

    /// Its authorities.
    pub fn authorities(&self) -> &[AuthorityEntry] {
        &self.own.authorities
    }

    /// Whether this region meets others at all.
    pub fn is_federated(&self) -> bool {
        !self.federation.bind.is_empty()
    }

    /// The members as they are now.
    pub fn membership(&self) -> Arc<Membership> {
        Arc::clone(&self.membership.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up a directory with the newest statements of its members, and this region's own statement.
    pub fn take_up(&self, known: Arc<Known>, newer: &BTreeMap<String, Vec<String>>, own: Arc<Descent>, now: DateTime<Utc>) {
        let membership = Membership::of(known, newer, Some((Arc::clone(&self.own), own)), &self.file, now);
        *self.membership.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(membership);
    }

    /// Takes up this region's own statement while there is no directory.
    pub fn take_up_alone(&self, own: Arc<Descent>) {
        let membership = Membership { own: Some(own), ..Membership::alone(self.file.clone()) };
        *self.membership.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(membership);
    }

    /// What this region says of itself.
    pub fn said(&self) -> Said {
        let keys = self.signer.public_keys();
        let authorities = self.stated.authorities.iter().filter_map(|authority| {
            let contacts = self.contacts.get(&authority.gss)?.clone();
            Some(StatedAuthority { code: authority.gss.clone(), name: authority.name.clone(), contacts })
        });
        Said {
            name: BothNames { en: self.stated.name.en.clone(), cy: self.stated.name.cy.clone() },
            nation: self.stated.nation.clone(),
            procedures: self.stated.procedures.clone(),
            address: self.federation.address.clone(),
            public_address: self.public_address.clone(),
            authorities: authorities.collect(),
            keys: keys.keys,
            log: keys.log,
            tls: keys.tls,
            versions: vec![message::VERSION.to_owned()],
            capabilities: CAPABILITIES.iter().map(|capability| (*capability).to_owned()).collect(),
        }
    }

    /// Every region of the federation, the own one included.
    pub fn members(&self) -> Vec<Arc<RegionEntry>> {
        self.membership().regions.values().cloned().collect()
    }

    /// The other regions that are members in good standing and can compare registers.
    pub fn compared_with(&self) -> Vec<RegionCode> {
        let membership = self.membership();
        let can = membership.peers.iter().filter(|(_, peer)| peer.standing == Standing::Active && peer.can("comparisons"));
        can.map(|(code, _)| code.clone()).filter(|code| code != self.code()).collect()
    }

    /// A region by its code.
    pub fn member(&self, code: &RegionCode) -> Option<Arc<RegionEntry>> {
        self.membership().regions.get(code).cloned()
    }

    /// An authority by its GSS code, with its region.
    pub fn authority(&self, gss: &str) -> Option<(Arc<RegionEntry>, AuthorityEntry)> {
        self.membership().regions.values().find_map(|region| {
            let authority = region.authorities.iter().find(|authority| authority.gss == gss)?;
            Some((Arc::clone(region), authority.clone()))
        })
    }

    /// Refuses work in the name of an authority that is another region's, or none of the caller's.
    ///
    /// # Errors
    /// [`RegisterError::OutsideScope`].
    pub fn within_scope(&self, principal: &Principal, authority: &str) -> Result<(), RegisterError> {
        let own = self.authorities().iter().any(|own| own.gss == authority);
        if own && principal.scope.covers(authority) { Ok(()) } else { Err(RegisterError::OutsideScope) }
    }

    /// The retention rules of an authority: its own, else the examples of the procedures.
    pub fn retention_of(&self, gss: &str) -> &[RetentionRule] {
        self.retention.get(gss).map_or(self.procedures.retention.as_slice(), Vec::as_slice)
    }

    /// The members with their standing, as searches need them.
    pub fn standings(&self) -> Vec<Member> {
        self.membership().standings()
    }

    /// Which number ranges are accepted: test numbers only in a sandbox.
    pub fn ranges(&self) -> Ranges {
        if self.sandbox { Ranges::Sandbox } else { Ranges::Live }
    }
}
