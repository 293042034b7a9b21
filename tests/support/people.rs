//! People to put on the register and questions to ask about them. Every person here is invented.

use serde_json::{Value, json};

use super::tokens::NEWPORT;

/// A child as they are entered.
#[derive(Debug, Clone)]
pub struct Child(pub Value);

impl Child {
    /// A child of Newport with one name and nothing else.
    pub fn named(given: &str, family: &str) -> Self {
        Self(json!({"authority": NEWPORT, "names": [{"given": given, "family": family}]}))
    }

    /// A child not yet born, known by the mother.
    pub fn unborn(expected: &str) -> Self {
        Self(json!({"authority": NEWPORT, "expectedDeliveryDate": expected}))
    }

    /// The child about whom most tests ask: with everything that is usually known.
    pub fn usual() -> Self {
        Self::named("Gwenllian", "Trahaearn")
            .born("2017-05-09")
            .sex("female")
            .nhs("9990001006")
            .living_at(&["14 Stryd y Felin", "Casnewydd"], "NP20 4QR")
            .mother("Angharad", "Trahaearn")
    }

    /// With another item.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    fn add(mut self, list: &str, item: Value) -> Self {
        match self.0[list].as_array_mut() {
            Some(items) => items.push(item),
            None => self.0[list] = json!([item]),
        }
        self
    }

    /// Of an authority.
    pub fn of(self, authority: &str) -> Self {
        self.with("authority", json!(authority))
    }

    /// With a date of birth.
    pub fn born(self, date: &str) -> Self {
        self.with("dateOfBirth", json!(date))
    }

    /// With a sex.
    pub fn sex(self, sex: &str) -> Self {
        self.with("sex", json!(sex))
    }

    /// With another name of a use.
    pub fn also(self, name_use: &str, given: &str, family: &str) -> Self {
        self.add("names", json!({"use": name_use, "given": given, "family": family}))
    }

    /// With an NHS number.
    pub fn nhs(self, number: &str) -> Self {
        self.add("identifiers", json!({"kind": "nhs-number", "value": number}))
    }

    /// With a home.
    pub fn living_at(self, lines: &[&str], postcode: &str) -> Self {
        self.add("addresses", json!({"lines": lines, "postcode": postcode}))
    }

    /// With a confidential address.
    pub fn hidden_at(self, lines: &[&str], postcode: &str) -> Self {
        self.add("addresses", json!({"kind": "refuge", "lines": lines, "postcode": postcode, "confidential": true}))
    }

    /// With a mother.
    pub fn mother(self, given: &str, family: &str) -> Self {
        self.add(
            "household",
            json!({"relationship": "mother", "carer": true, "parentalResponsibility": true, "name": {"given": given, "family": family}}),
        )
    }

    /// Shielded.
    pub fn shielded(self) -> Self {
        self.with("shielded", json!(true))
    }
}

/// An entry as it is made, but for the child.
#[derive(Debug, Clone)]
pub struct Entry(pub Value);

impl Entry {
    /// By an initial conference of Newport, with everything an entry should have.
    pub fn usual() -> Self {
        Self::of(NEWPORT)
    }

    /// By an initial conference of an authority.
    pub fn of(authority: &str) -> Self {
        Self(json!({
            "authority": authority,
            "registeredOn": "2026-03-03",
            "conference": {"heldOn": "2026-03-03", "kind": "initial", "authority": authority},
            "categories": ["neglect"],
            "coordinator": {"name": "Carys Mathias"},
            "reviewDueOn": "2026-12-01",
        }))
    }

    /// A temporary entry that rests on one of another authority.
    pub fn temporary(home_region: &str, home_authority: &str) -> Self {
        let mut entry = Self::usual();
        entry.0.as_object_mut().expect("an object").remove("conference");
        entry.with("home", json!({"region": home_region, "authority": home_authority}))
    }

    /// With another item.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.0.as_object_mut().expect("an object").remove(name);
        } else {
            self.0[name] = value;
        }
        self
    }

    /// Of a child.
    pub fn child(self, id: &str) -> Self {
        self.with("childId", json!(id))
    }
}

/// A question as it is asked.
#[derive(Debug, Clone)]
pub struct Question(pub Value);

impl Question {
    /// By name, of the own region, for an attendance at a hospital.
    pub fn about(given: &str, family: &str) -> Self {
        Self::nobody().child("names", json!([{"given": given, "family": family}]))
    }

    /// About the usual child, by name and date of birth.
    pub fn usual() -> Self {
        Self::about("Gwenllian", "Trahaearn").born("2017-05-09")
    }

    /// With nothing about the child.
    pub fn nobody() -> Self {
        Self(json!({"reason": "hospital-attendance", "search": "own-region", "child": {}}))
    }

    /// With another item.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.0.as_object_mut().expect("an object").remove(name);
        } else {
            self.0[name] = value;
        }
        self
    }

    /// With another item about the child.
    pub fn child(mut self, name: &str, value: Value) -> Self {
        self.0["child"][name] = value;
        self
    }

    /// With a date of birth.
    pub fn born(self, date: &str) -> Self {
        self.child("dateOfBirth", json!(date))
    }

    /// With a sex.
    pub fn sex(self, sex: &str) -> Self {
        self.child("sex", json!(sex))
    }

    /// With an NHS number.
    pub fn nhs(self, number: &str) -> Self {
        self.child("nhsNumber", json!(number))
    }

    /// With an address.
    pub fn living_at(self, lines: &[&str], postcode: &str) -> Self {
        self.child("addresses", json!([{"lines": lines, "postcode": postcode}]))
    }

    /// For another reason.
    pub fn because(self, reason: &str) -> Self {
        self.with("reason", json!(reason))
    }

    /// Of the whole federation.
    pub fn everywhere(self) -> Self {
        self.with("search", json!("federation"))
    }
}

/// A conference as it is recorded, with a quorum and no decision yet.
#[derive(Debug, Clone)]
pub struct Conference(pub Value);

impl Conference {
    /// Of Newport.
    pub fn held(kind: &str, on: &str) -> Self {
        Self::of(NEWPORT, kind, on)
    }

    /// Of an authority.
    pub fn of(authority: &str, kind: &str, on: &str) -> Self {
        Self(json!({"kind": kind, "authority": authority, "heldOn": on, "chair": "Mair Bowen", "quorate": true, "decisions": []}))
    }

    /// With another item.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        if value.is_null() {
            self.0.as_object_mut().expect("an object").remove(name);
        } else {
            self.0[name] = value;
        }
        self
    }

    /// With a decision about a child; `more` is laid over it.
    pub fn decides(mut self, child: &str, decision: &str, more: Value) -> Self {
        let mut decided = json!({"childId": child, "decision": decision, "consensus": true});
        for (name, value) in more.as_object().expect("an object") {
            if value.is_null() {
                decided.as_object_mut().expect("an object").remove(name);
            } else {
                decided[name] = value.clone();
            }
        }
        self.0["decisions"].as_array_mut().expect("a list").push(decided);
        self
    }

    /// With a child put on the register under neglect, with everything an entry should have. The advocate was offered.
    pub fn registers(self, child: &str) -> Self {
        self.decides(child, "registered", full(json!(["neglect"])))
    }
}

/// What goes with a decision to register.
pub fn full(categories: Value) -> Value {
    json!({
        "categories": categories,
        "coordinator": {"name": "Carys Mathias"},
        "coreGroup": [{"name": "Ann Price", "agency": "Royal Gwent Hospital"}],
        "advocacy": {"offeredOn": "2026-02-05", "offeredBy": "Elin Gwynne", "response": "accepted"},
    })
}
