//! What questions have in common: for finding those who go through names or dates. Keyed hashes, never values.

use super::address::Postcode;
use super::birth::BirthForm;
use super::keys::Keyer;
use super::person::{Person, PersonName};
use super::record::{Query, Record, Role, Token};

/// What tells one question from another.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// The child: the sound of the forename, so that another spelling is no other child; of a child without one, the date of
    /// birth, the number and the mother.
    pub child: i64,
    /// The sounds of the family names, each with how common the name is: log2 of the share of people who bear it.
    pub families: Vec<(i64, f32)>,
    /// Forename and family name together; nothing when one of them is wanting.
    pub name: Option<i64>,
    /// The date of birth, as exactly as it was given; nothing when it was not.
    pub birth: Option<i64>,
}

/// A family name that a question has in common with somebody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedName {
    /// log2 of the share of people who bear it.
    pub national: f32,
    /// The register's counter of the name.
    pub counter: i64,
}

/// Tags of these hashes; those of keys and counters are smaller.
const CHILD: u8 = 120;
const FAMILY: u8 = 121;
const NAME: u8 = 122;
const BIRTH: u8 = 123;

fn birth_parts(birth: BirthForm) -> Option<[u64; 3]> {
    let day = |day: i32| u64::from(day.cast_unsigned());
    match birth {
        BirthForm::Unknown => None,
        BirthForm::Full { year, month, day } => Some([u64::from(year), u64::from(month), u64::from(day)]),
        BirthForm::Span { from, to } => Some([1 << 32, day(from), day(to)]),
        BirthForm::Expected { day: on } => Some([2 << 32, day(on), 0]),
    }
}

fn sounds(tokens: &[Token]) -> Vec<u64> {
    let mut sounds: Vec<u64> = tokens.iter().map(|token| u64::from(token.skeleton)).collect();
    sounds.sort_unstable();
    sounds.dedup();
    sounds
}

impl Keyer {
    /// What tells this question from others.
    #[must_use]
    pub fn likeness(&self, question: &Record) -> Likeness {
        let p = &question.0;
        let (given, family) = (p.run(Role::Given), p.run(Role::Family));
        let birth = birth_parts(p.birth);
        let child = match given.first() {
            Some(token) => vec![u64::from(token.skeleton)],
            None => {
                let mothers = [sounds(p.run(Role::CarerGiven)), sounds(p.run(Role::CarerFamily))].concat();
                let numbers = p.identifiers.iter().map(|number| number.packed() as u64);
                birth.into_iter().flatten().chain(numbers).chain(mothers).collect()
            }
        };
        let mut families: Vec<(i64, f32)> =
            family.iter().map(|token| (self.hash(FAMILY, &[u64::from(token.skeleton)]), token.national())).collect();
        // Of two spellings with one sound the more common one counts.
        families.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        families.dedup_by_key(|family| family.0);
        let both = [given.first().map(|token| u64::from(token.skeleton)).into_iter().collect(), sounds(family)].concat();
        Likeness {
            child: self.hash(CHILD, &child),
            families,
            name: (!given.is_empty() && !family.is_empty()).then(|| self.hash(NAME, &both)),
            birth: birth.map(|parts| self.hash(BIRTH, &parts)),
        }
    }

    /// The family names in a question – of the child or of a carer – that are also in `family`, somebody's own.
    #[must_use]
    pub fn shared_names(&self, question: &Query, family: &str) -> Vec<SharedName> {
        let name = PersonName { family: Some(family.to_owned()), ..PersonName::default() };
        let own = Query::new(&Person { names: vec![name], ..Person::default() });
        let asked: Vec<&Token> = question.0.run(Role::Family).iter().chain(question.0.run(Role::CarerFamily)).collect();
        own.0
            .run(Role::Family)
            .iter()
            .filter(|own| asked.iter().any(|asked| asked.word == own.word))
            .map(|own| SharedName { national: own.national(), counter: self.counter(own, Role::Family) })
            .collect()
    }
}

/// Whether a question asks about a whole postcode that is `postcode`, somebody's own.
#[must_use]
pub fn shares_postcode(question: &Query, postcode: &str) -> bool {
    let own = Postcode::from_text(postcode).filter(Postcode::is_unit);
    own.is_some_and(|own| question.0.addresses.iter().any(|address| address.postcode == Some(own)))
}

#[cfg(test)]
mod tests {
    use super::super::person::{Birth, PersonAddress, PersonCarer};
    use super::*;

    fn question(given: &str, family: &str, born: &str) -> Query {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let name = PersonName { given: text(given), family: text(family), ..PersonName::default() };
        Query::new(&Person { names: vec![name], birth: Birth::from_text(born), ..Person::default() })
    }

    fn likeness(given: &str, family: &str, born: &str) -> Likeness {
        Keyer::new([7; 16]).likeness(&question(given, family, born).as_record())
    }

    #[test]
    fn another_spelling_is_the_same_child_and_another_name_is_not() {
        let sian = likeness("Siân", "Llewellyn", "2017-05-09");
        let misspelt = likeness("Sian", "Llewelyn", "2017-05-09");
        assert_eq!((sian.child, sian.name), (misspelt.child, misspelt.name));
        assert_eq!(sian.families[0].0, misspelt.families[0].0);
        let other = likeness("Mared", "Llewellyn", "2017-05-09");
        assert_ne!(sian.child, other.child);
        assert_eq!(sian.families, other.families);
        assert_ne!(sian.birth, likeness("Siân", "Llewellyn", "2017-05-10").birth);
        assert_eq!(likeness("Siân", "Llewellyn", "").birth, None);
        assert_ne!(sian.child, Keyer::new([8; 16]).likeness(&question("Siân", "Llewellyn", "").as_record()).child, "keyed");
    }

    #[test]
    fn ones_own_name_is_seen_in_child_and_carers_and_says_how_common_it_is() {
        let keyer = Keyer::new([7; 16]);
        let rare = keyer.shared_names(&question("Gwenllian", "Trahaearn", ""), "TRAHAEARN");
        let common = keyer.shared_names(&question("Gwenllian", "Jones", ""), "Jones");
        assert!(rare[0].national < -11.0 && common[0].national > -7.0, "{rare:?} {common:?}");
        assert!(keyer.shared_names(&question("Gwenllian", "Trahaearn", ""), "Tremain").is_empty());
        let carer = PersonCarer { family: Some("Trahaearn".into()), ..PersonCarer::default() };
        let by_carer = Query::new(&Person { carers: vec![carer], ..Person::default() });
        assert_eq!(keyer.shared_names(&by_carer, "Trahaearn").len(), 1);
    }

    #[test]
    fn ones_own_postcode_is_a_whole_one() {
        let at = |postcode: &str| {
            let address = PersonAddress { postcode: Some(postcode.into()), current: true, ..PersonAddress::default() };
            Query::new(&Person { addresses: vec![address], ..Person::default() })
        };
        assert!(shares_postcode(&at("NP20 4QR"), "np204qr"));
        assert!(!shares_postcode(&at("NP20 4QS"), "NP20 4QR"));
        assert!(!shares_postcode(&at("NP20"), "NP20"), "a district is no address");
    }
}
