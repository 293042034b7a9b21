//! The invariants of a register, and where each is proved: one place to look at before something is changed.
//!
//! A name that is not there any more, or an invariant without a test, fails here.

use std::fs;
use std::path::Path;

/// Where a promise is kept.
enum Kept {
    /// By these tests.
    Here(&'static [&'static str]),
    /// Not by one region alone: what it waits for.
    Between(&'static str),
}

use Kept::{Between, Here};

const INVARIANTS: &[(&str, &str, Kept)] = &[
    ("I1", "a child is never on zero registers because of a transfer", Between("transfers")),
    (
        "I2",
        "every answer names exactly one responsible authority",
        Here(&["entries_of_one_person_in_two_authorities_are_no_rivals", "merged_records_are_one_person_to_whoever_asks"]),
    ),
    (
        "I3",
        "a name is added only by a conference, or as a temporary entry that points to a live one",
        Here(&[
            "i3_an_entry_rests_on_a_recorded_conference_once",
            "i3_a_conference_named_by_its_date_is_recorded_with_the_entry",
            "i3_a_temporary_entry_of_this_region_rests_on_a_live_entry_at_home",
        ]),
    ),
    (
        "I4",
        "a name is removed only on a listed ground",
        Here(&[
            "i4_s18_no_role_removes_a_name_without_ground_and_evidence",
            "i4_i5_each_ground_needs_what_it_needs",
            "a_name_comes_off_on_its_grounds_only_and_with_what_each_needs",
            "a_changed_row_changes_what_it_put_in_and_deletes_nothing",
        ]),
    ),
    (
        "I5",
        "only age 18 is computed, and closes on the birthday",
        Here(&[
            "an_entry_ends_on_the_eighteenth_birthday_and_not_before",
            "somebody_born_on_a_leap_day_is_eighteen_on_the_first_of_march",
            "eighteen_is_computed_on_the_birthday_and_from_an_exact_date_only",
            "i4_i5_each_ground_needs_what_it_needs",
        ]),
    ),
    (
        "I6",
        "temporary entries never outlive home, and end only when home says so",
        Here(&[
            "i6_a_temporary_entry_ends_only_when_home_says_so_and_never_outlives_it",
            "a_home_entry_that_is_put_back_brings_its_temporary_ones_back",
        ]),
    ),
    (
        "I7",
        "a missing co-ordinator or review date escalates and never blocks",
        Here(&[
            "i7_a_gap_never_blocks_a_decision_and_raises_a_task_for_the_senior_manager",
            "a_gap_in_an_entry_never_blocks_it_and_raises_a_task",
            "a_missing_coordinator_or_review_date_is_told_the_same_day",
        ]),
    ),
    (
        "I8",
        "periods of one child on one register never overlap and never start and end on one day",
        Here(&[
            "i8_a_period_never_starts_and_ends_on_one_day_and_the_next_may_begin_where_it_ends",
            "i8_of_two_conferences_at_once_that_register_one_child_one_makes_the_entry",
            "i8_two_entries_on_one_register_at_one_time_are_not_merged",
            "periods_of_one_authority_never_overlap",
        ]),
    ),
    (
        "I9",
        "one category or more, the initial and the latest both kept",
        Here(&[
            "i9_categories_change_from_a_day_on_and_the_first_ones_stay_readable",
            "i9_a_review_keeps_a_child_on_and_the_first_categories_stay_readable",
            "a_set_has_one_or_more_each_once",
        ]),
    ),
    (
        "I10",
        "brothers and sisters are separate decisions",
        Here(&[
            "i10_s11_one_conference_for_three_siblings_is_three_decisions_and_only_the_registered_are_entries",
            "i10_what_a_review_decides_for_one_child_changes_nothing_for_another",
            "issue_4_twins_become_two_each_with_an_entry_that_began_when_the_first_did",
        ]),
    ),
    (
        "I11",
        "every enquiry is recorded, also unmatched and refused ones",
        Here(&["every_access_is_in_the_log_and_provable_however_it_ended", "a_refusal_is_put_into_the_audit_log_with_who_was_refused"]),
    ),
    (
        "I12",
        "nothing is disclosed before identity and purpose",
        Here(&["nothing_is_told_for_a_caller_who_is_not_verified", "cafcass_gets_the_formal_answer_and_must_say_why"]),
    ),
    (
        "I13",
        "absence is told only when every register answered and nobody may be the child",
        Here(&["absence_is_never_told_while_a_region_is_silent", "when_only_the_name_agrees_there_is_a_possible_match_and_never_absence"]),
    ),
    (
        "I14",
        "an enquiry about a listed child, or at the same address, is told",
        Here(&[
            "custodian_and_coordinator_each_hear_of_an_enquiry",
            "an_enquiry_about_somebody_at_the_same_address_is_told_and_only_to_the_register",
        ]),
    ),
    ("I15", "an enquirer never sees more than the minimum answer", Here(&["everyone_gets_the_same_minimum_answer"])),
    (
        "I16",
        "a confidential address leaves in no answer and no statistic",
        Here(&[
            "i16_s42_a_confidential_address_is_read_by_nobody_who_does_not_keep_the_case",
            "i16_who_is_in_the_core_group_of_a_restricted_record_is_told_to_its_readers_alone",
            "a_shielded_child_is_not_matched_by_a_hidden_address_and_no_place_is_told",
            "the_census_tells_what_is_recorded_and_names_what_is_not",
        ]),
    ),
    (
        "I17",
        "audit is append-only; a correction is a new fact with who and why",
        Here(&[
            "i17_a_correction_is_a_new_fact_with_who_and_why_and_is_found_at_once",
            "no_changed_byte_of_the_log_goes_unnoticed",
            "what_was_entered_in_error_stays_readable_and_says_so",
        ]),
    ),
    (
        "I18",
        "what was true on a day, and what was known then, are exact",
        Here(&[
            "i18_random_facts_corrections_and_errors_answer_as_a_naive_model_does",
            "i18_whether_a_child_was_on_the_register_between_two_days_is_exact_to_the_day",
            "i18_what_was_true_on_a_day_and_what_was_known_then_are_two_answers",
            "a_return_made_twice_as_known_at_one_instant_is_the_same_to_the_byte",
        ]),
    ),
    ("I19", "an alert ends only by a named person", Between("alerts")),
    ("I20", "no alert lapses while its child is registered and unseen", Between("alerts")),
    (
        "I21",
        "an unborn registration survives birth: same id, start date and review clock",
        Here(&[
            "i21_an_unborn_registration_survives_birth_with_its_ids_start_and_review_date",
            "birth_starts_the_visits_and_moves_no_review",
        ]),
    ),
    (
        "I22",
        "working days by the calendar of the authority that owes, the start event stored",
        Here(&[
            "registration_on_the_third_of_march_starts_its_clocks",
            "bank_holidays_of_wales_are_no_working_days_and_weeks_never_skip",
            "working_days_are_those_of_the_authority_that_owes_the_action",
        ]),
    ),
    ("I23", "a transfer is not silently refused", Between("transfers")),
    (
        "I24",
        "original categories survive translation, and a derived code says that it is derived",
        Here(&[
            "i9_categories_change_from_a_day_on_and_the_first_ones_stay_readable",
            "a_set_derives_to_one_english_code",
            "financial_abuse_is_a_welsh_category_only",
        ]),
    ),
    (
        "I25",
        "nothing is erased while anything live or held rests on it",
        Here(&[
            "nothing_live_and_nobody_of_the_household_of_what_is_live_goes",
            "a_hold_stops_erasing_until_it_is_lifted",
            "erasing_a_person_decides_about_every_table",
        ]),
    ),
    (
        "I26",
        "adopted identities are never joined again",
        Here(&[
            "i26_an_identity_closed_by_an_adoption_is_never_joined_again",
            "an_adoption_closes_every_record_of_the_person",
            "an_identity_closed_by_an_adoption_is_never_found",
        ]),
    ),
    (
        "I27",
        "a lost link never blocks a local look-up or a local registration",
        Here(&["what_was_found_is_told_although_other_regions_are_silent", "a_child_registered_a_moment_ago_is_found"]),
    ),
    ("I28", "duplicated or reordered messages change nothing", Between("messages between regions")),
    (
        "bad input",
        "impossible dates, a review before the plan, overlapping entries, removal without ground, another nation's category",
        Here(&[
            "each_mistake_in_a_child_is_named",
            "i9_a_review_keeps_a_child_on_and_the_first_categories_stay_readable",
            "periods_of_one_authority_never_overlap",
            "i4_s18_no_role_removes_a_name_without_ground_and_evidence",
            "england_holds_no_initial_conference_at_a_weekend_and_knows_no_financial_abuse",
        ]),
    ),
];

/// The text of every Rust file below a folder.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") && !entry.ends_with("invariants.rs") {
            into.push_str(&fs::read_to_string(&entry).expect("a file"));
        }
    }
}

#[test]
fn every_invariant_has_a_test_that_is_there() {
    let mut text = String::new();
    for folder in ["src", "tests"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut text);
    }
    for (name, promise, kept) in INVARIANTS {
        match kept {
            Here(tests) => {
                assert!(!tests.is_empty(), "{name}: {promise}");
                for test in *tests {
                    assert!(text.contains(&format!("fn {test}(")), "{name} ({promise}): there is no test {test}");
                }
            }
            Between(what) => assert!(!what.is_empty(), "{name}"),
        }
    }
    let named: Vec<String> = INVARIANTS.iter().map(|(name, ..)| (*name).to_owned()).filter(|name| name.starts_with('I')).collect();
    assert_eq!(named, (1..=28).map(|number| format!("I{number}")).collect::<Vec<_>>());
}
