use super::*;
use crate::domain::category::CategorySet;
use crate::domain::language::Language;

const SCOTLAND: &str = include_str!("../../../tests/procedures/scotland.toml");

fn both() -> [&'static Procedures; 2] {
    ["wales", "england"].map(|code| Procedures::embedded(code).unwrap())
}

#[test]
fn the_procedures_of_the_program_are_whole() {
    for (procedures, code) in both().into_iter().zip(["wales", "england"]) {
        assert_eq!((procedures.code.as_str(), procedures.nation.as_str()), (code, code));
        for kind in ConferenceKind::ALL {
            assert!(procedures.conference(kind).is_some(), "{code} {kind}");
        }
        for ground in RemovalGround::ALL {
            assert!(procedures.ground(ground).is_some(), "{code} {ground}");
        }
        assert_eq!(procedures.participation.len(), 8);
        assert_eq!(procedures.markers.len(), 10);
        let harmless: Vec<_> = procedures.markers.iter().filter(|marker| !marker.harm).map(|marker| marker.code.as_str()).collect();
        assert_eq!(harmless, ["EHE"]);
        assert_eq!(procedures.marker("DA").unwrap().factors.len(), 3);
        assert_eq!(procedures.advocacy.iter().filter(|response| response.unmet).count(), 1);
    }
    assert_eq!(Procedures::embedded("scotland"), Err(ProceduresError::Unknown));
}

#[test]
fn every_rule_has_a_source_in_the_file_and_none_without_is_taken() {
    for text in [WALES, ENGLAND, SCOTLAND] {
        let tables = text.lines().filter(|line| line.starts_with('[')).count();
        let sources: Vec<_> = text.lines().enumerate().filter(|(_, line)| line.starts_with("source = ")).map(|(index, _)| index).collect();
        // One for the file, one for each rule.
        assert_eq!(sources.len(), tables + 1);
        let lines: Vec<_> = text.lines().collect();
        for source in sources {
            let without: Vec<_> = lines.iter().enumerate().filter(|(index, _)| *index != source).map(|(_, line)| *line).collect();
            assert!(Procedures::read(&without.join("\n")).is_err(), "line {}", source + 1);
        }
    }
}

#[test]
fn what_a_conference_decides_in_wales_is_what_the_returns_of_england_read() {
    for procedures in both() {
        for category in Category::ALL {
            let rule = procedures.categories.iter().find(|rule| rule.code == category);
            assert_eq!(rule.is_some(), category.is_used_in(procedures.nation), "{category}");
            let Some(rule) = rule else { continue };
            let set = CategorySet::new([category]).unwrap();
            assert_eq!(rule.cin, set.cin_code(procedures.nation).code, "{category}");
            let nhs: Vec<_> = rule.nhs.iter().map(Code::as_str).collect();
            assert_eq!(nhs, set.nhs_codes(procedures.nation).code, "{category}");
            assert_eq!(rule.cin.is_none(), set.cin_code(procedures.nation).lossy, "{category}");
        }
        assert_eq!(procedures.returns.several, CinCategory::Multiple);
    }
}

#[test]
fn a_gap_is_told_and_never_blocks() {
    let [wales, _] = both();
    let all: BTreeSet<Item> = Item::ALL.into();
    assert_eq!(wales.gaps(&all), Vec::<&RequiredItem>::new());
    let without = |item| all.iter().copied().filter(|held| *held != item).collect::<BTreeSet<_>>();
    let gaps = wales.gaps(&without(Item::Coordinator));
    assert_eq!(gaps.iter().map(|gap| (gap.code, gap.tell)).collect::<Vec<_>>(), [(Item::Coordinator, Role::SeniorSafeguardingManager)]);
    assert_ne!(gaps[0].words.in_language(Language::Welsh), gaps[0].words.in_language(Language::English));
    assert_eq!(wales.gaps(&BTreeSet::new()).len(), Item::ALL.len());
}

#[test]
fn another_nation_is_another_file() {
    let scotland = Procedures::read(SCOTLAND).unwrap();
    assert_eq!(scotland.nation, Nation::Scotland);
    assert_eq!(scotland.categories, []);
    let conference = scotland.clock("transfer-conference").unwrap();
    assert_eq!(conference.due.map(|due| (due.length(), due.unit().as_str())), Some((21, "working-days")));
    assert!(scotland.ground(RemovalGround::Transferred).is_none());
}

#[test]
fn a_file_with_a_fault_is_refused_with_its_place() {
    let whole = [
        ("code = \"wales\"", "code = \"wales\"\ncolour = \"red\"", "colour"),
        ("repeats = true", "repeat = true", "repeat"),
        ("source = \"WSP-4.9\"", "source = \"somewhere\"", "source"),
        ("source = \"WSP-4.9\"", "source = \"\"", "source"),
        ("code = \"financial\"", "code = \"grave-concern\"", "use one of: neglect"),
        ("code = \"financial\"", "code = \"neglect\"", "category.neglect: is given twice"),
        ("code = \"outline-plan\"", "code = \"first-review\"", "clock.first-review: is given twice"),
        ("nation = \"wales\"", "nation = \"england\"", "category.financial: is not a category of this nation"),
        ("with = [\"first-review\", \"later-reviews\"]", "with = [\"last-review\"]", "clock.bedroom-seen: with must name"),
        ("with = [\"first-review\", \"later-reviews\"]", "with = [\"bedroom-seen\"]", "clock.bedroom-seen: with must name"),
        ("with = [\"first-review\", \"later-reviews\"]", "", "clock.bedroom-seen: needs either due or with"),
        ("starts = [\"registered\", \"review-conference-held\"]", "starts = []", "clock.bedroom-seen: needs an event"),
        ("{ role = \"team-manager\", day = 1 }, { role = \"senior-safeguarding-manager\", day = 2 }", "", "clock.next-step: must escalate"),
        (
            "day = 1 }, { role = \"senior-safeguarding-manager\", day = 2 }",
            "day = 1 }, { role = \"senior-safeguarding-manager\", day = 1 }",
            "clock.next-step: escalation",
        ),
        ("needs = [\"death-recorded\"]", "needs = [\"death-recorded\"]\ncomputed = true", "ground.died: only the age of 18"),
        ("code = \"died\"", "code = \"home-authority-ended\"", "given twice"),
        ("review_clock = \"later-reviews\"", "review_clock = \"bedroom-seen\"", "conference.review: names a clock"),
        ("age_bands_from_years = [0, 1, 5, 10, 16]", "age_bands_from_years = [1, 5]", "returns: bands"),
        ("age_bands_from_years = [0, 1, 5, 10, 16]", "age_bands_from_years = [0, 5, 5]", "returns: bands"),
        ("due = { length = 5, unit = \"working-days\" }", "due = { length = 0, unit = \"working-days\" }", "length"),
        ("cy = \"Esgeulustod\"", "cy = \" \"", "words"),
    ];
    for (right, wrong, said) in whole {
        assert!(WALES.contains(right), "{right}");
        let error = Procedures::read(&WALES.replacen(right, wrong, 1)).expect_err(wrong).to_string();
        assert!(error.contains(said), "{wrong}: {error}");
    }
    let without = |text: &str, from: &str, to: &str| {
        let (head, rest) = text.split_once(from).unwrap();
        format!("{head}{}", rest.split_once(to).map(|(_, tail)| format!("{to}{tail}")).unwrap())
    };
    let no_death = without(SCOTLAND, "[[ground]]\ncode = \"died\"", "[[conference]]");
    assert!(Procedures::read(&no_death).unwrap_err().to_string().contains("needed everywhere"));
    let no_review = without(SCOTLAND, "[[conference]]\nkind = \"review\"", "[unborn]");
    assert!(Procedures::read(&no_review).unwrap_err().to_string().contains("needs initial and review"));
}
