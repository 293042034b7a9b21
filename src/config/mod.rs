//! Configuration: typed, checked whole at start, an unknown key stops the program. The only room that reads the environment.
//!
//! Layers, each over the one before: `config/default.toml` (inside the program), the file given with `--config`, variables
//! named `COFRESTR_SECTION__KEY`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use crate::domain::procedures::{Procedures, ProceduresError};
use crate::domain::retention::RetentionRule;
use crate::domain::roles::{Role, Sector};

const DEFAULT: &str = include_str!("../../config/default.toml");
const MEMBERS: &str = include_str!("../../config/regions.toml");
/// What the demo lays over the defaults.
pub const DEMO: &str = include_str!("../../config/demo.toml");

/// The largest budget that can be set.
const BUDGET_MOST: u64 = 1_000_000_000;

/// Why a configuration cannot be used. The text says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file is missing, is not TOML, or has a key or type that is not known.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(String),
    /// A value does not make sense.
    #[error("{key}: {problem}")]
    Invalid {
        /// The setting.
        key: String,
        /// What is wrong with it and what would be right.
        problem: String,
    },
}

fn between(key: &str, value: u64, low: u64, high: u64) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(invalid(key, format!("must be between {low} and {high}"))) }
}

fn invalid(key: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { key: key.into(), problem: problem.into() }
}

/// Everything that can be set. `config/default.toml` explains each key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // explained once, in config/default.toml
pub struct Config {
    pub region: Region,
    pub server: Server,
    pub database: Database,
    pub keys: Keys,
    pub members: Members,
    pub procedures: ProceduresFile,
    pub escalation: Escalation,
    #[serde(default)]
    pub contacts: BTreeMap<String, Contacts>,
    #[serde(default)]
    pub issuers: Vec<Issuer>,
    pub tokens: Tokens,
    pub search: Search,
    pub matching: Matching,
    pub enquiries: Enquiries,
    pub imports: Imports,
    pub limits: Limits,
    pub fishing: Fishing,
    pub disclosure: Disclosure,
    pub retention: Retention,
    pub access: Access,
    pub audit: Audit,
    pub federation: Federation,
    pub webhooks: Webhooks,
    pub sandbox: Sandbox,
    pub pages: Pages,
    pub sign_in: SignIn,
    pub log: Log,
}

macro_rules! section {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Deserialize)]
            #[serde(deny_unknown_fields)]
            #[allow(missing_docs)] // explained once, in config/default.toml
            pub struct $name { $(pub $field: $type,)* }
        )+
    };
}

section! {
    /// Which region this is.
    Region { code: String }
    /// The HTTP server.
    Server { bind: String, public_url: String, workers: usize, tls_certificate: String, tls_key: String, ask_client_certificates: bool, body_limit_bytes: usize, shutdown_seconds: u64 }
    /// The database.
    Database { url: String, connections: u32, wait_ms: u64, migrate_at_start: bool }
    /// Signing keys and the matcher's secret.
    Keys { folder: PathBuf }
    /// The members of the federation.
    Members { file: String }
    /// The procedures of the region.
    ProceduresFile { file: String }
    /// Clocks and unread notices.
    Escalation { interval_ms: u64, unread_hours: u32, unread_roles: Vec<String>, together_hours: u32 }
    /// A trusted identity provider.
    Issuer { issuer: String, audience: String, jwks_url: Option<String>, jwks_file: Option<PathBuf> }
    /// The access tokens that the region issues to partner systems.
    Tokens { lifetime_seconds: u32 }
    /// Time budgets of a search.
    Search { deadline_ms: u64 }
    /// The matcher.
    Matching { candidate_budget: usize, candidate_limit: usize, refresh_minutes: u64 }
    /// The enquiry log.
    Enquiries { look_back_days: i64, valid_minutes: i64, repeat_raises_task: bool, batch_limit: usize }
    /// Files that are sent to be imported.
    Imports { body_limit_bytes: usize, results_days: u32 }
    /// How much a caller may ask.
    Limits {
        requests_per_minute: u32,
        failed_tokens_per_minute: u32,
        person_checks_noted_per_hour: u32,
        person_checks_per_hour: u32,
        person_empty_answers_per_hour: u32,
        client_checks_per_hour: u32,
        organisation_checks_per_hour: u32,
    }
    /// What makes enquiries look like fishing.
    Fishing {
        every_ms: u64,
        window_hours: u32,
        children_in_one_case: usize,
        names_in_a_sweep: usize,
        dates_in_a_sweep: usize,
        own_name_rarer_than: u32,
        out_of_hours_checks: usize,
        follow_up_hours: u32,
    }
    /// What is told to whom beyond the minimum.
    Disclosure { former_registrations: Vec<String>, earlier_agencies: Vec<String>, superseded_numbers: Vec<String> }
    /// How long records are kept.
    Retention { enquiry_months: u32, authorities: BTreeMap<String, Vec<RetentionRule>> }
    /// Access to restricted records.
    Access { break_glass_minutes: i64, require_recent_authentication: bool, recent_authentication_minutes: i64 }
    /// The audit log.
    Audit { checkpoint_ms: u64 }
    /// The face for other regions, and asking them.
    Federation {
        bind: String,
        address: String,
        directory_keys: Vec<String>,
        directory_file: String,
        workers: usize,
        requests_per_minute: u32,
        at_once: usize,
        refresh_ms: u64,
        retry_first_ms: u64,
        retry_last_ms: u64,
        rest_after: u32,
        rest_ms: u64,
        compare_every_ms: u64,
        compare_again_ms: u64,
    }
    /// Events sent to partner systems.
    Webhooks { timeout_ms: u64, retry_seconds: Vec<u32>, overlap_hours: u32, keep_days: u32, most: i64 }
    /// The sandbox.
    Sandbox { enabled: bool, matching: bool, deprecated: Vec<String> }
    /// The pages for people.
    Pages { sandbox_tokens: String, idle_minutes: u32, session_minutes: u32 }
    /// The identity provider through which people sign in to the pages.
    SignIn {
        issuer: String,
        client_id: String,
        client_secret_file: String,
        client_key_file: String,
        client_key_id: String,
        scopes: Vec<String>,
        role_claim: String,
        roles: BTreeMap<String, String>,
    }
    /// The log.
    Log { level: String, format: String }
}

/// Whom to ring at an authority.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[allow(missing_docs)] // explained once, in config/default.toml
pub struct Contacts {
    pub office: ContactEntry,
    pub out_of_hours: ContactEntry,
}

/// One way to reach somebody.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // explained once, in config/default.toml
pub struct ContactEntry {
    pub name: String,
    pub phone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
}

/// A name in both languages.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct BothNames {
    /// English.
    pub en: String,
    /// Welsh.
    pub cy: String,
}

/// A region of the federation, from the members file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberRegion {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: BothNames,
    /// Its nation: which bank holidays it keeps.
    pub nation: String,
    /// Its procedures.
    pub procedures: String,
    /// Its authorities.
    pub authorities: Vec<MemberAuthority>,
}

/// An authority of a region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberAuthority {
    /// GSS code.
    pub gss: String,
    /// Its name.
    pub name: BothNames,
    /// Its number at the Department for Education, in England.
    pub lea: Option<u16>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MembersFile {
    region: Vec<MemberRegion>,
}

/// The names of the variables that win over every configuration file: a program that starts servers, each with its own
/// file, must not hand them on.
pub fn overriding_variables() -> Vec<std::ffi::OsString> {
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| name.to_str().is_some_and(|name| name.to_ascii_uppercase().starts_with("COFRESTR_") && name.contains("__")))
        .collect()
}

impl Config {
    /// Reads the layers and checks the whole.
    ///
    /// # Errors
    /// When a file cannot be read, a key is unknown, or a value does not make sense.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Toml::string(DEFAULT));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError::Unreadable(format!("{} is not a file", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        Self::from_figment(
            figment.merge(Env::prefixed("COFRESTR_").ignore(&["test_pg_bin", "test_postgres_url", "token", "log"]).split("__")),
        )
    }

    /// Reads a configuration from text laid over the defaults, without the environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_text(text: &str) -> Result<Self, ConfigError> {
        Self::from_figment(Figment::from(Toml::string(DEFAULT)).merge(Toml::string(text)))
    }

    fn from_figment(figment: Figment) -> Result<Self, ConfigError> {
        let config: Self = figment.extract().map_err(|error| ConfigError::Unreadable(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// The members of the federation.
    ///
    /// # Errors
    /// When the members file cannot be read.
    pub fn member_regions(&self) -> Result<Vec<MemberRegion>, ConfigError> {
        let text = if self.members.file.is_empty() {
            MEMBERS.to_owned()
        } else {
            std::fs::read_to_string(&self.members.file)
                .map_err(|error| ConfigError::Unreadable(format!("{}: {error}", self.members.file)))?
        };
        let file: MembersFile = toml::from_str(&text).map_err(|error| ConfigError::Unreadable(format!("members file: {error}")))?;
        Ok(file.region)
    }

    /// The child protection procedures of this region: of the file it names, else those that the members file names for it.
    ///
    /// # Errors
    /// When the file cannot be read, or a rule in it does not hold together.
    pub fn procedures(&self) -> Result<Procedures, ConfigError> {
        let refused = |error: ProceduresError| invalid("procedures.file", error.to_string());
        if !self.procedures.file.is_empty() {
            let text = std::fs::read_to_string(&self.procedures.file)
                .map_err(|error| ConfigError::Unreadable(format!("{}: {error}", self.procedures.file)))?;
            return Procedures::read(&text).map_err(refused);
        }
        let members = self.member_regions()?;
        let own = members.iter().find(|region| region.code == self.region.code);
        let code = own.map_or("", |region| region.procedures.as_str());
        Procedures::embedded(code).cloned().map_err(refused)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let members = self.member_regions()?;
        let own = members.iter().find(|region| region.code == self.region.code).ok_or_else(|| {
            let known: Vec<_> = members.iter().map(|region| region.code.as_str()).collect();
            invalid("region.code", format!("must be one of the members: {}", known.join(", ")))
        })?;
        for authority in &own.authorities {
            if !self.contacts.contains_key(&authority.gss) {
                return Err(invalid(
                    format!("contacts.{}", authority.gss),
                    format!("{} needs an office and an out_of_hours contact: somebody must be there to ring", authority.name.en),
                ));
            }
        }
        for (gss, contacts) in &self.contacts {
            for (key, contact) in [("office", &contacts.office), ("out_of_hours", &contacts.out_of_hours)] {
                if contact.name.trim().is_empty() || contact.phone.trim().is_empty() {
                    return Err(invalid(format!("contacts.{gss}.{key}"), "needs a name and a phone"));
                }
            }
        }
        let procedures = self.procedures()?;
        if procedures.nation.as_str() != own.nation {
            return Err(invalid("procedures.file", format!("holds procedures of another nation: this region is in {}", own.nation)));
        }
        for (gss, rules) in &self.retention.authorities {
            if own.authorities.iter().all(|authority| authority.gss != *gss) {
                return Err(invalid(format!("retention.authorities.{gss}"), "is no authority of this region"));
            }
            if rules.is_empty() {
                return Err(invalid(format!("retention.authorities.{gss}"), "needs a rule: without any, nothing is ever erased"));
            }
        }
        if self.issuers.is_empty() {
            return Err(invalid("issuers", "name at least one identity provider; nobody can sign in without one"));
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            let key = format!("issuers[{index}]");
            if issuer.issuer.is_empty() || issuer.audience.is_empty() {
                return Err(invalid(key, "needs an issuer and an audience"));
            }
            match (&issuer.jwks_url, &issuer.jwks_file) {
                (Some(url), None) if url.starts_with("https://") => {}
                (Some(url), None) if self.sandbox.enabled && url.starts_with("http://127.0.0.1") => {}
                (Some(_), None) => return Err(invalid(key, "jwks_url must be an https:// address")),
                (None, Some(_)) => {}
                _ => return Err(invalid(key, "needs either jwks_url or jwks_file")),
            }
        }
        between("tokens.lifetime_seconds", u64::from(self.tokens.lifetime_seconds), 60, 600)?;
        if self.issuers.iter().any(|issuer| issuer.issuer == self.server.public_url.trim_end_matches('/')) {
            return Err(invalid(
                "server.public_url",
                "is also the issuer of an identity provider: nobody could tell their tokens from ours",
            ));
        }
        between("database.wait_ms", self.database.wait_ms, 100, 600_000)?;
        between("database.connections", u64::from(self.database.connections), 0, 1_000)?;
        between("search.deadline_ms", self.search.deadline_ms, 200, 10_000)?;
        let budget = self.matching.candidate_budget as u64;
        between("matching.candidate_budget", budget, 50, 10_000)?;
        between("matching.candidate_limit", self.matching.candidate_limit as u64, budget, 1_000_000)?;
        between("matching.refresh_minutes", self.matching.refresh_minutes, 1, 10_080)?;
        between("enquiries.batch_limit", self.enquiries.batch_limit as u64, 1, 500)?;
        between("enquiries.look_back_days", u64::try_from(self.enquiries.look_back_days).unwrap_or(0), 1, 3_660)?;
        between("enquiries.valid_minutes", u64::try_from(self.enquiries.valid_minutes).unwrap_or(0), 1, 1_440)?;
        between("retention.enquiry_months", u64::from(self.retention.enquiry_months), 12, 1_200)?;
        self.check_limits()?;
        between("escalation.interval_ms", self.escalation.interval_ms, 100, 3_600_000)?;
        between("escalation.unread_hours", u64::from(self.escalation.unread_hours), 1, 168)?;
        between("escalation.together_hours", u64::from(self.escalation.together_hours), 0, 168)?;
        self.check_federation()?;
        let whole = |value: i64| u64::try_from(value).unwrap_or(0);
        between("webhooks.timeout_ms", self.webhooks.timeout_ms, 100, 60_000)?;
        if self.webhooks.retry_seconds.is_empty() || self.webhooks.retry_seconds.len() > 50 {
            return Err(invalid("webhooks.retry_seconds", "name one pause between attempts at least, and 50 at most"));
        }
        between("webhooks.overlap_hours", u64::from(self.webhooks.overlap_hours), 0, 720)?;
        between("webhooks.keep_days", u64::from(self.webhooks.keep_days), 1, 3_660)?;
        between("webhooks.most", whole(self.webhooks.most), 1, 1_000)?;
        between("access.break_glass_minutes", whole(self.access.break_glass_minutes), 1, 1_440)?;
        between("access.recent_authentication_minutes", whole(self.access.recent_authentication_minutes), 1, 1_440)?;
        between("audit.checkpoint_ms", self.audit.checkpoint_ms, 100, 60_000)?;
        between("server.body_limit_bytes", self.server.body_limit_bytes as u64, 4_096, 16 << 20)?;
        between("imports.body_limit_bytes", self.imports.body_limit_bytes as u64, 4_096, 1 << 30)?;
        between("imports.results_days", u64::from(self.imports.results_days), 1, 3_660)?;
        if self.server.tls_certificate.is_empty() != self.server.tls_key.is_empty() {
            return Err(invalid("server.tls_certificate", "certificate and key go together"));
        }
        if self.server.ask_client_certificates && self.server.tls_certificate.is_empty() {
            return Err(invalid("server.ask_client_certificates", "only over HTTPS is a certificate shown: set server.tls_certificate"));
        }
        let public = url::Url::parse(&self.server.public_url).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if public.is_none_or(|url| url.query().is_some() || url.fragment().is_some() || !url.username().is_empty()) {
            return Err(invalid(
                "server.public_url",
                "must be the address by which others reach the server, for example https://register.example",
            ));
        }
        let told = [
            ("former_registrations", &self.disclosure.former_registrations),
            ("earlier_agencies", &self.disclosure.earlier_agencies),
            ("superseded_numbers", &self.disclosure.superseded_numbers),
        ];
        for (key, names) in told {
            for name in names {
                if name.parse::<Role>().is_err() && name.parse::<Sector>().is_err() {
                    return Err(invalid(format!("disclosure.{key}"), format!("`{name}` is neither a role nor a partner's sector")));
                }
            }
        }
        let is_level = |part: &str| part.rsplit('=').next().is_some_and(|level| level.trim().parse::<LevelFilter>().is_ok());
        if !self.log.level.split(',').all(is_level) {
            return Err(invalid("log.level", "must be error, warn, info, debug or trace, also by module, for example info,cofrestr=debug"));
        }
        if self.server.bind.parse::<std::net::SocketAddr>().is_err() {
            return Err(invalid("server.bind", "must be ADDRESS:PORT, for example 0.0.0.0:8443"));
        }
        if self.sandbox.enabled && !self.server.bind.starts_with("127.0.0.1:") && !self.server.bind.starts_with("[::1]:") {
            return Err(invalid("sandbox.enabled", "a sandbox listens on loopback only"));
        }
        if !self.sandbox.matching && !self.sandbox.enabled {
            return Err(invalid("sandbox.matching", "only a sandbox can do without matching: a register searches whom it is asked about"));
        }
        if !self.sandbox.deprecated.is_empty() && !self.sandbox.enabled {
            return Err(invalid("sandbox.deprecated", "only in a sandbox is an ending rehearsed; a real one is declared in the program"));
        }
        if !self.pages.sandbox_tokens.is_empty() && !self.sandbox.enabled {
            return Err(invalid("pages.sandbox_tokens", "only a sandbox lets people sign in by choosing who they are"));
        }
        self.check_sign_in()?;
        if !["json", "text"].contains(&self.log.format.as_str()) {
            return Err(invalid("log.format", "must be json or text"));
        }
        Ok(())
    }

    fn check_sign_in(&self) -> Result<(), ConfigError> {
        let SignIn { issuer, client_id, client_secret_file, client_key_file, role_claim, roles, .. } = &self.sign_in;
        between("pages.idle_minutes", self.pages.idle_minutes.into(), 1, 120)?;
        between("pages.session_minutes", self.pages.session_minutes.into(), u64::from(self.pages.idle_minutes), 720)?;
        if issuer.is_empty() {
            return Ok(());
        }
        let on_loopback = |address: &str| self.sandbox.enabled && address.starts_with("http://127.0.0.1");
        if !issuer.starts_with("https://") && !on_loopback(issuer) {
            return Err(invalid("sign_in.issuer", "must be an https:// address"));
        }
        let own = &self.server.public_url;
        if !own.starts_with("https://") && !on_loopback(own) {
            return Err(invalid("server.public_url", "must be an https:// address: people sign in to the pages under it"));
        }
        if client_id.is_empty() || role_claim.is_empty() {
            return Err(invalid("sign_in.client_id", "name the client that the provider knows, and the claim with the role"));
        }
        if client_secret_file.is_empty() == client_key_file.is_empty() {
            return Err(invalid("sign_in.client_secret_file", "name either this or client_key_file"));
        }
        let known = |role: &&String| role.parse::<crate::domain::roles::Role>().is_err();
        if let Some(role) = roles.values().find(known) {
            return Err(invalid("sign_in.roles", format!("{role} is no role; docs/API.md names them")));
        }
        Ok(())
    }

    fn check_federation(&self) -> Result<(), ConfigError> {
        let federation = &self.federation;
        between("federation.requests_per_minute", u64::from(federation.requests_per_minute), 1, BUDGET_MOST)?;
        between("federation.at_once", federation.at_once as u64, 1, 1_024)?;
        between("federation.refresh_ms", federation.refresh_ms, 100, 30_000)?;
        between("federation.retry_first_ms", federation.retry_first_ms, 100, 60_000)?;
        between("federation.retry_last_ms", federation.retry_last_ms, federation.retry_first_ms, 3_600_000)?;
        between("federation.rest_after", u64::from(federation.rest_after), 1, 1_000)?;
        between("federation.rest_ms", federation.rest_ms, 100, 60_000)?;
        between("federation.compare_every_ms", federation.compare_every_ms, 1_000, 604_800_000)?;
        between("federation.compare_again_ms", federation.compare_again_ms, 1_000, federation.compare_every_ms)?;
        if federation.bind.is_empty() {
            return Ok(());
        }
        if federation.bind.parse::<std::net::SocketAddr>().is_err() {
            return Err(invalid("federation.bind", "must be ADDRESS:PORT, for example 0.0.0.0:8543; empty: this region stands alone"));
        }
        if !federation.address.starts_with("https://") {
            return Err(invalid("federation.address", "must be the https:// address under which other regions reach federation.bind"));
        }
        if federation.directory_keys.is_empty() {
            return Err(invalid(
                "federation.directory_keys",
                "name the public key of the directory's keeper; `cofrestr members key` prints it",
            ));
        }
        Ok(())
    }

    /// Nothing here means "without limit": whoever wants none must write a number that is never reached.
    fn check_limits(&self) -> Result<(), ConfigError> {
        let Limits { person_checks_noted_per_hour: noted, person_checks_per_hour: person, .. } = self.limits;
        for (key, value) in [
            ("requests_per_minute", self.limits.requests_per_minute),
            ("failed_tokens_per_minute", self.limits.failed_tokens_per_minute),
            ("person_checks_noted_per_hour", noted),
            ("person_checks_per_hour", person),
            ("person_empty_answers_per_hour", self.limits.person_empty_answers_per_hour),
            ("client_checks_per_hour", self.limits.client_checks_per_hour),
            ("organisation_checks_per_hour", self.limits.organisation_checks_per_hour),
        ] {
            between(&format!("limits.{key}"), u64::from(value), 1, BUDGET_MOST)?;
        }
        if noted > person {
            return Err(invalid(
                "limits.person_checks_noted_per_hour",
                "must not be more than person_checks_per_hour: it would never be reached",
            ));
        }
        // Fields of the HTTP answer speak of the person's budget; a narrower one of all together would make them untrue.
        for (key, value) in [
            ("limits.client_checks_per_hour", self.limits.client_checks_per_hour),
            ("limits.organisation_checks_per_hour", self.limits.organisation_checks_per_hour),
        ] {
            if value < person {
                return Err(invalid(key, "must not be less than person_checks_per_hour"));
            }
        }
        if u64::from(person) < self.enquiries.batch_limit as u64 {
            return Err(invalid(
                "enquiries.batch_limit",
                "must not be more than limits.person_checks_per_hour: such a batch could never be asked",
            ));
        }
        let fishing = &self.fishing;
        between("fishing.every_ms", fishing.every_ms, 100, 86_400_000)?;
        between("fishing.window_hours", fishing.window_hours.into(), 1, 168)?;
        between("fishing.children_in_one_case", fishing.children_in_one_case as u64, 2, 1_000_000)?;
        between("fishing.names_in_a_sweep", fishing.names_in_a_sweep as u64, 2, 1_000_000)?;
        between("fishing.dates_in_a_sweep", fishing.dates_in_a_sweep as u64, 2, 1_000_000)?;
        between("fishing.own_name_rarer_than", u64::from(fishing.own_name_rarer_than), 1, 1_000_000)?;
        between("fishing.out_of_hours_checks", fishing.out_of_hours_checks as u64, 1, 1_000_000)?;
        between("fishing.follow_up_hours", fishing.follow_up_hours.into(), 1, 168)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demo(extra: &str) -> String {
        format!("{DEMO}\n[region]\ncode = \"gwent\"\n[[issuers]]\nissuer = \"i\"\naudience = \"a\"\njwks_file = \"k\"\n{extra}")
    }

    #[test]
    fn the_defaults_with_a_region_its_contacts_and_an_issuer_are_enough() {
        Config::from_text(&demo("")).expect("a usable configuration");
    }

    #[test]
    fn a_region_has_the_procedures_of_its_members_file_or_a_file_of_its_own() {
        let gwent = Config::from_text(&demo("")).expect("a usable configuration");
        assert_eq!(gwent.procedures().expect("procedures").code.as_str(), "wales");
        let named = |file: &str| {
            let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
            Config::from_text(&demo(&format!("[procedures]\nfile = {path:?}"))).map(|config| config.procedures().expect("procedures"))
        };
        assert_eq!(named("config/procedures/wales.toml").expect("the same as a file").code.as_str(), "wales");
        for (file, said) in [
            ("config/procedures/england.toml", "another nation"),
            ("tests/procedures/scotland.toml", "another nation"),
            ("config/default.toml", "procedures.file"),
            ("config/procedures/nowhere.toml", "nowhere.toml"),
        ] {
            let error = named(file).expect_err(file).to_string();
            assert!(error.contains(said), "{file}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            (String::new(), "region.code"),
            ("[region]\ncode = \"gwent\"".into(), "contacts.W06000018"),
            (format!("{DEMO}\n[region]\ncode = \"gwent\""), "issuers"),
            (demo("[server]\nbnid = \"x\""), "bnid"),
            (demo("[server]\nbind = \"0.0.0.0:8470\""), "sandbox.enabled"),
            (demo("").replace("enabled = true", "matching = false"), "sandbox.matching"),
            (demo("[pages]\nsandbox_tokens = \"tokens\"").replace("enabled = true", ""), "pages.sandbox_tokens"),
            (demo("[pages]\nidle_minutes = 0"), "pages.idle_minutes"),
            (demo("[pages]\nsession_minutes = 19"), "pages.session_minutes"),
            (demo("[sign_in]\nissuer = \"http://login.example\""), "sign_in.issuer"),
            (demo("[sign_in]\nissuer = \"https://login.example\""), "sign_in.client_id"),
            (demo("[sign_in]\nissuer = \"https://login.example\"\nclient_id = \"c\""), "sign_in.client_secret_file"),
            (
                demo(
                    "[sign_in]\nissuer = \"https://login.example\"\nclient_id = \"c\"\nclient_secret_file = \"s\"\nclient_key_file = \"k\"",
                ),
                "sign_in.client_secret_file",
            ),
            (
                demo(
                    "[sign_in]\nissuer = \"https://login.example\"\nclient_id = \"c\"\nclient_key_file = \"k\"\nroles = { x = \"headteacher\" }",
                ),
                "sign_in.roles",
            ),
            (
                demo("[sign_in]\nissuer = \"https://login.example\"\nclient_id = \"c\"\nclient_key_file = \"k\"")
                    .replace("enabled = true", "enabled = false"),
                "server.public_url",
            ),
            (demo("[retention]\nenquiry_months = 11"), "retention.enquiry_months"),
            (demo("[retention.authorities]\nE08000025 = []"), "retention.authorities.E08000025"),
            (demo("[retention.authorities]\nW06000022 = []"), "retention.authorities.W06000022"),
            (demo("[search]\ndeadline_ms = 199"), "search.deadline_ms"),
            (demo("").replace("requests_per_minute = 1000000", "requests_per_minute = 0"), "limits.requests_per_minute"),
            (demo("").replace("person_checks_per_hour = 1000000", "person_checks_per_hour = 49"), "limits.person_checks_noted_per_hour"),
            (
                demo("[enquiries]\nbatch_limit = 51")
                    .replace("person_checks_noted_per_hour = 1000000", "person_checks_noted_per_hour = 1")
                    .replace("person_checks_per_hour = 1000000", "person_checks_per_hour = 50"),
                "enquiries.batch_limit",
            ),
            (demo("").replace("client_checks_per_hour = 1000000000", "client_checks_per_hour = 999999"), "limits.client_checks_per_hour"),
            (demo("[enquiries]\nlook_back_days = -90"), "enquiries.look_back_days"),
            (demo("[fishing]\nfollow_up_hours = 0"), "fishing.follow_up_hours"),
            (demo("[fishing]\nwindow_hours = -24"), "fishing.window_hours"),
            (demo("[search]\ndeadline_ms = 10001"), "search.deadline_ms"),
            (demo("[database]\nwait_ms = 0"), "database.wait_ms"),
            (demo("[server]\npublic_url = \"register.example\""), "server.public_url"),
            (demo("[disclosure]\nearlier_agencies = [\"polis\"]"), "disclosure.earlier_agencies"),
            (demo("").replace("level = \"warn\"", "level = \"loud\""), "log.level"),
            (demo("[[issuers]]\nissuer = \"x\"\naudience = \"y\"\njwks_url = \"http://elsewhere\""), "issuers[1]"),
        ] {
            let error = Config::from_text(&text).expect_err(part).to_string();
            assert!(error.contains(part), "{error} should name {part}");
        }
    }
}
