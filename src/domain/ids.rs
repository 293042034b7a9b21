//! Identifiers the register gives out itself: UUID version 7, one type for each kind of thing.
//!
//! A version 7 UUID begins with the millisecond it was made in, so rows sort by age and new rows land at the end of an
//! index; the other 74 bits are random, so an id tells nothing and cannot be guessed.
//!
//! ```
//! use chrono::DateTime;
//! use cofrestr::domain::ids::{CheckId, ChildId};
//!
//! let now = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
//! let id = ChildId::new_at(now);
//! assert_eq!(id.to_string().parse::<ChildId>(), Ok(id));
//! ```
//!
//! Two kinds of id do not mix:
//!
//! ```compile_fail
//! use cofrestr::domain::ids::{CheckId, ChildId};
//!
//! fn child(id: ChildId) -> CheckId { id }
//! ```

use std::cell::Cell;

use chrono::{DateTime, Utc};
use uuid::{NoContext, Timestamp, Uuid, Variant};

use super::coded::coded_error;

coded_error! {
    /// Why a text is not an id.
    pub enum IdError {
        /// Not 36 characters of lower-case hexadecimal digits with hyphens in their places.
        NotAUuid = "not-a-uuid", "write the id as it was given: 36 characters, lower-case, with hyphens";
        /// A UUID, but not of the version this register gives out.
        WrongVersion = "wrong-uuid-version", "use an id that this service gave out (UUID version 7)";
    }
}

/// Length of the hyphenated form, in bytes.
const HYPHENATED_LENGTH: usize = 36;

fn parse_strict(text: &str) -> Result<Uuid, IdError> {
    // Uuid::parse_str also takes braces, URNs, upper case and no hyphens; one thing must have one name.
    if text.len() != HYPHENATED_LENGTH || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(IdError::NotAUuid);
    }
    Uuid::try_parse(text).map_err(|_| IdError::NotAUuid)
}

fn only_version_7(uuid: Uuid) -> Result<Uuid, IdError> {
    if uuid.get_variant() == Variant::RFC4122 && uuid.get_version_num() == 7 { Ok(uuid) } else { Err(IdError::WrongVersion) }
}

fn any_version(uuid: Uuid) -> Result<Uuid, IdError> {
    // The nil and max UUIDs mean "none" to many programs, and would join what does not belong together.
    if uuid.is_nil() || uuid.is_max() { Err(IdError::WrongVersion) } else { Ok(uuid) }
}

/// An id whose place among those of its millisecond is the order in which this thread made them (RFC 9562, part 6.2, method
/// 1): one unit of work has one instant, and what it enters is read back in the order in which it was given.
fn made_at(now: DateTime<Utc>) -> Uuid {
    const COUNTER_MAX: u16 = 0xfff;
    thread_local! {
        static LAST: Cell<(i64, u16)> = const { Cell::new((i64::MIN, 0)) };
    }
    let millisecond = now.timestamp_millis();
    let counter = match LAST.get() {
        (last, counter) if last == millisecond => (counter + 1).min(COUNTER_MAX),
        _ => 0,
    };
    LAST.set((millisecond, counter));
    // Instants before 1970 cannot occur in a register; they would count as 1970.
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    let mut bytes = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos())).into_bytes();
    let [high, low] = counter.to_be_bytes();
    bytes[6] = 0x70 | high;
    bytes[7] = low;
    Uuid::from_bytes(bytes)
}

macro_rules! id {
    ($( $(#[$meta:meta])* $Name:ident: $check:ident; )+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Name(Uuid);

        impl $Name {
            /// A new id: the millisecond of `now`, and randomness.
            pub fn new_at(now: DateTime<Utc>) -> Self {
                Self(made_at(now))
            }

            /// The UUID itself.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl std::str::FromStr for $Name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                parse_strict(text).and_then($check).map(Self)
            }
        }

        impl TryFrom<Uuid> for $Name {
            type Error = IdError;

            fn try_from(uuid: Uuid) -> Result<Self, Self::Error> {
                $check(uuid).map(Self)
            }
        }

        impl TryFrom<String> for $Name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<&str> for $Name {
            type Error = IdError;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$Name> for Uuid {
            fn from(id: $Name) -> Self {
                id.0
            }
        }

        impl From<$Name> for String {
            fn from(id: $Name) -> Self {
                id.to_string()
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut buffer = Uuid::encode_buffer();
                formatter.pad(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }

        impl std::fmt::Debug for $Name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, concat!(stringify!($Name), "({})"), self.0.hyphenated())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+ };
}

id! {
    /// A child known to this register.
    ChildId: only_version_7;
    /// One period of a child's name on an authority's register.
    RegistrationId: only_version_7;
    /// One enquiry: is this child on a register?
    CheckId: only_version_7;
    /// Several checks asked at once.
    CheckBatchId: only_version_7;
    /// Something a named person must read and confirm.
    NoticeId: only_version_7;
    /// One piece of work on a work-list.
    TaskId: only_version_7;
    /// One entry of the audit log.
    AuditEntryId: only_version_7;
    /// One name of a child.
    NameId: only_version_7;
    /// One address of a child.
    AddressId: only_version_7;
    /// One identifier of a child, such as an NHS number.
    IdentifierId: only_version_7;
    /// One person of a child's household, carers among them.
    HouseholdMemberId: only_version_7;
    /// An enquiry under section 47.
    Section47Id: only_version_7;
    /// What a person decided of two records: one person, or two.
    IdentityDecisionId: only_version_7;
    /// One opening of a restricted record in an emergency.
    BreakGlassId: only_version_7;
    /// One conference.
    ConferenceId: only_version_7;
    /// One meeting of a core group.
    CoreGroupMeetingId: only_version_7;
    /// One visit to a child.
    VisitId: only_version_7;
    /// One clock: a duty with a date by which it is due.
    ClockId: only_version_7;
    /// One unbroken protection of a child, whoever leads it: it begins with a registration and travels with every message.
    CustodyId: only_version_7;
    /// One move of a child between authorities.
    TransferId: only_version_7;
    /// The move of a family: what holds the transfers of its children together.
    FamilyMoveId: only_version_7;
    /// One temporary stay of a child in another authority's area.
    StayId: only_version_7;
    /// One alert for a missing child.
    AlertId: only_version_7;
    /// One sighting reported to an alert.
    SightingId: only_version_7;
    /// One event of the feed that partners read.
    EventId: only_version_7;
    /// One message between regions.
    MessageId: only_version_7;
    /// One partner's subscription to events.
    WebhookId: only_version_7;
    /// One partner system registered with this region.
    ClientId: only_version_7;
    /// One run of an import.
    ImportId: only_version_7;
    /// One revocation of a token or a person.
    RevocationId: only_version_7;
    /// One legal hold.
    HoldId: only_version_7;
    /// One request, from `X-Request-ID` or made here. Callers choose their own version.
    RequestId: any_version;
    /// Everything done for one caller's purpose, across regions, from `X-Correlation-ID`. Callers choose their own version.
    CorrelationId: any_version;
}

/// A carer is a member of the household.
pub type CarerId = HouseholdMemberId;

#[cfg(test)]
mod tests {
    use super::*;

    fn instant() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 123_000_000).unwrap()
    }

    #[test]
    fn an_id_is_read_back_from_its_text_and_from_json() {
        let id = CheckId::new_at(instant());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::from_str::<CheckId>(&serde_json::to_string(&id).unwrap()).unwrap(), id);
        assert_eq!(CheckId::try_from(*id.as_uuid()), Ok(id));
        assert_eq!(CheckId::try_from(String::from(id)), Ok(id));
    }

    #[test]
    fn a_later_id_sorts_after_an_earlier_one() {
        let earlier = CheckId::new_at(instant());
        let later = CheckId::new_at(instant() + chrono::TimeDelta::milliseconds(1));
        assert!(earlier < later);
        assert!(earlier.to_string() < later.to_string());
        assert!(earlier.to_string().starts_with("01a3185c-5"), "{earlier}");
    }

    #[test]
    fn ids_of_one_instant_differ_and_sort_as_they_were_made() {
        let made: Vec<_> = (0..4_096).map(|_| ChildId::new_at(instant())).collect();
        assert!(made.is_sorted_by(|earlier, later| earlier < later));
        // Beyond that many they still differ.
        let more: std::collections::BTreeSet<_> = (0..100).map(|_| ChildId::new_at(instant())).collect();
        assert_eq!(more.len(), 100);
    }

    #[test]
    fn only_the_lower_case_hyphenated_form_is_an_id() {
        let table = [
            ("0191e4c0-7b3a-7c1d-8e2f-0123456789ab", Ok(())),
            ("0191E4C0-7B3A-7C1D-8E2F-0123456789AB", Err(IdError::NotAUuid)),
            ("0191e4c07b3a7c1d8e2f0123456789ab", Err(IdError::NotAUuid)),
            ("{0191e4c0-7b3a-7c1d-8e2f-0123456789ab}", Err(IdError::NotAUuid)),
            ("urn:uuid:0191e4c0-7b3a-7c1d-8e2f-0123456789ab", Err(IdError::NotAUuid)),
            (" 0191e4c0-7b3a-7c1d-8e2f-0123456789a", Err(IdError::NotAUuid)),
            ("0191e4c0-7b3a-7c1d-8e2f-0123456789a", Err(IdError::NotAUuid)),
            ("0191e4c0-7b3a-7c1d-8e2f-0123456789abc", Err(IdError::NotAUuid)),
            ("0191e4c0-7b3a-7c1d-8e2f-0123456789ag", Err(IdError::NotAUuid)),
            ("", Err(IdError::NotAUuid)),
            ("0191e4c0-7b3a-4c1d-8e2f-0123456789ab", Err(IdError::WrongVersion)),
            ("0191e4c0-7b3a-7c1d-ce2f-0123456789ab", Err(IdError::WrongVersion)),
            ("00000000-0000-0000-0000-000000000000", Err(IdError::WrongVersion)),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<ChildId>().map(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn a_callers_request_id_may_be_of_any_version() {
        assert!("0191e4c0-7b3a-4c1d-8e2f-0123456789ab".parse::<RequestId>().is_ok());
        assert_eq!("00000000-0000-0000-0000-000000000000".parse::<RequestId>(), Err(IdError::WrongVersion));
        assert_eq!("ffffffff-ffff-ffff-ffff-ffffffffffff".parse::<CorrelationId>(), Err(IdError::WrongVersion));
    }
}
