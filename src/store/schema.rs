//! Tables as diesel sees them. Kept equal to `migrations/` by a test that reads both catalogues.

#![allow(missing_docs)] // generated names; the meaning stands in the migrations

diesel::table! {
    use diesel::sql_types::*;

    child (pid) {
        pid -> BigInt,
        id -> crate::store::types::DbUuid,
        authority -> Text,
        standing -> Text,
        shielded -> Bool,
        version -> BigInt,
        created_at -> crate::store::types::DbInstant,
        changed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_particulars (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        birth_kind -> Text,
        birth_from -> Nullable<Date>,
        birth_to -> Nullable<Date>,
        sex -> Text,
        preferred_language -> Nullable<Text>,
        communication_needs -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_name (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        name_use -> Text,
        given -> Nullable<Text>,
        middle -> Nullable<Text>,
        family -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_identifier (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        kind -> Text,
        value -> Text,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_address (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        kind -> Text,
        lines -> Text,
        postcode -> Nullable<Text>,
        uprn -> Nullable<Text>,
        source -> Nullable<Text>,
        confidential -> Bool,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_practice (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        name -> Text,
        ods_code -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    household_member (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        relationship -> Text,
        carer -> Bool,
        parental_responsibility -> Bool,
        in_household -> Bool,
        given -> Nullable<Text>,
        family -> Nullable<Text>,
        date_of_birth -> Nullable<Date>,
        related_child_id -> Nullable<crate::store::types::DbUuid>,
        confidential -> Bool,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
        nhs_number -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    registration (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        authority -> Text,
        version -> BigInt,
        created_at -> crate::store::types::DbInstant,
        changed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    registration_state (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        kind -> Text,
        registered_on -> Date,
        removed_on -> Nullable<Date>,
        removal_ground -> Nullable<Text>,
        entered_in_error -> Bool,
        error_reason -> Nullable<Text>,
        legal_status -> Nullable<Text>,
        review_due_on -> Nullable<Date>,
        conference_held_on -> Nullable<Date>,
        conference_kind -> Nullable<Text>,
        conference_authority -> Nullable<Text>,
        home_region -> Nullable<Text>,
        home_authority -> Nullable<Text>,
        home_registration_id -> Nullable<crate::store::types::DbUuid>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
        conference_id -> Nullable<crate::store::types::DbUuid>,
        removal_conference_id -> Nullable<crate::store::types::DbUuid>,
        removal_evidence -> Nullable<Text>,
        removal_reasons -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    registration_category (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        category -> Text,
        code_set -> Text,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    registration_coordinator (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        name -> Text,
        person -> Nullable<Text>,
        phone -> Nullable<Text>,
        email -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    core_group_member (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        name -> Text,
        agency -> Nullable<Text>,
        role -> Nullable<Text>,
        phone -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    import_record (source, external_id) {
        source -> Text,
        external_id -> Text,
        row_digest -> Text,
        child_id -> crate::store::types::DbUuid,
        imported_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    import_run (id) {
        id -> crate::store::types::DbUuid,
        version -> BigInt,
        authority -> Text,
        source -> Text,
        format -> Text,
        digest -> Text,
        bytes -> BigInt,
        lines -> BigInt,
        status -> Text,
        failure -> Nullable<Text>,
        rows_done -> BigInt,
        counts -> Text,
        asked_at -> crate::store::types::DbInstant,
        asked_by -> Text,
        begun_at -> Nullable<crate::store::types::DbInstant>,
        ended_at -> Nullable<crate::store::types::DbInstant>,
        leased_until -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    import_chunk (run_id, number) {
        run_id -> crate::store::types::DbUuid,
        number -> BigInt,
        content -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    import_result (run_id, number) {
        run_id -> crate::store::types::DbUuid,
        number -> BigInt,
        external_id -> Nullable<Text>,
        outcome -> Text,
        codes -> Text,
        remarks -> Text,
        child_id -> Nullable<crate::store::types::DbUuid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    import_mismatch (source, external_id, code) {
        source -> Text,
        external_id -> Text,
        code -> Text,
        said_digest -> Text,
        task_id -> crate::store::types::DbUuid,
        run_id -> Nullable<crate::store::types::DbUuid>,
        child_id -> Nullable<crate::store::types::DbUuid>,
        other_id -> Nullable<crate::store::types::DbUuid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    missed_appointment (id) {
        id -> crate::store::types::DbUuid,
        child_id -> Nullable<crate::store::types::DbUuid>,
        registration_id -> Nullable<crate::store::types::DbUuid>,
        kind -> Text,
        service -> Text,
        missed_on -> Date,
        agency -> Text,
        reported_by -> Text,
        received_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    match_record (pid) {
        pid -> BigInt,
        standing -> Text,
        person -> Nullable<BigInt>,
        body -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    match_key (k, pid) {
        k -> BigInt,
        pid -> BigInt,
        digest -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    match_key_stat (k) {
        k -> BigInt,
        n -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    match_token_stat (k) {
        k -> BigInt,
        n -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    match_summary (name) {
        name -> Text,
        n -> BigInt,
        refreshed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    enquiry (id) {
        id -> crate::store::types::DbUuid,
        reference -> Text,
        version -> BigInt,
        asked_at -> crate::store::types::DbInstant,
        as_of -> crate::store::types::DbInstant,
        valid_until -> crate::store::types::DbInstant,
        asked_by -> Text,
        client -> Nullable<Text>,
        organisation -> Nullable<Text>,
        agency -> Text,
        role -> Text,
        sector -> Nullable<Text>,
        reason -> Text,
        case_reference -> Nullable<Text>,
        notify -> Text,
        language -> Text,
        outcome -> Text,
        question -> Text,
        packed -> Binary,
        question_digest -> Text,
        answer -> Text,
        receipt -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    enquiry_match (child_id, enquiry_id) {
        child_id -> crate::store::types::DbUuid,
        enquiry_id -> crate::store::types::DbUuid,
        asked_at -> crate::store::types::DbInstant,
        grade -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    enquiry_key (k, asked_at, enquiry_id) {
        k -> BigInt,
        asked_at -> crate::store::types::DbInstant,
        enquiry_id -> crate::store::types::DbUuid,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    notice (id) {
        id -> crate::store::types::DbUuid,
        version -> BigInt,
        kind -> Text,
        urgency -> Text,
        to_role -> Text,
        to_person -> Nullable<Text>,
        authority -> Text,
        child_id -> Nullable<crate::store::types::DbUuid>,
        registration_id -> Nullable<crate::store::types::DbUuid>,
        enquiry_id -> Nullable<crate::store::types::DbUuid>,
        created_at -> crate::store::types::DbInstant,
        acknowledged_at -> Nullable<crate::store::types::DbInstant>,
        acknowledged_by -> Nullable<Text>,
        acknowledgement_note -> Nullable<Text>,
        clock -> Nullable<Text>,
        due_on -> Nullable<Date>,
        alert_id -> Nullable<crate::store::types::DbUuid>,
        together_id -> Nullable<crate::store::types::DbUuid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    task (id) {
        id -> crate::store::types::DbUuid,
        version -> BigInt,
        kind -> Text,
        authority -> Text,
        to_role -> Text,
        child_id -> Nullable<crate::store::types::DbUuid>,
        registration_id -> Nullable<crate::store::types::DbUuid>,
        enquiry_id -> Nullable<crate::store::types::DbUuid>,
        reasons -> Text,
        created_at -> crate::store::types::DbInstant,
        closed_at -> Nullable<crate::store::types::DbInstant>,
        closed_by -> Nullable<Text>,
        close_reason -> Nullable<Text>,
        about -> Nullable<Text>,
        clock -> Nullable<Text>,
        due_on -> Nullable<Date>,
        alert_id -> Nullable<crate::store::types::DbUuid>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    task_evidence (pattern, enquiry_id) {
        pattern -> Text,
        enquiry_id -> crate::store::types::DbUuid,
        task_id -> crate::store::types::DbUuid,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    enquiry_mark (enquiry_id) {
        enquiry_id -> crate::store::types::DbUuid,
        marked_at -> crate::store::types::DbInstant,
        work_list -> Text,
        own_name -> Bool,
        own_address -> Bool,
        out_of_hours -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    check_budget (subject, window_start, slot) {
        subject -> Text,
        window_start -> crate::store::types::DbInstant,
        slot -> BigInt,
        checks -> BigInt,
        empty_answers -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_entry (id) {
        id -> crate::store::types::DbUuid,
        recorded_at -> crate::store::types::DbInstant,
        operation -> Text,
        outcome -> Text,
        code -> Nullable<Text>,
        subject -> Nullable<Text>,
        client -> Nullable<Text>,
        role -> Nullable<Text>,
        organisation -> Nullable<Text>,
        reason -> Nullable<Text>,
        enquiry_id -> Nullable<crate::store::types::DbUuid>,
        request_id -> crate::store::types::DbUuid,
        correlation_id -> crate::store::types::DbUuid,
        record -> Text,
        leaf_hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_child (child_id, entry_id) {
        child_id -> crate::store::types::DbUuid,
        entry_id -> crate::store::types::DbUuid,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_pending (entry_id) {
        entry_id -> crate::store::types::DbUuid,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_leaf (leaf_index) {
        leaf_index -> BigInt,
        entry_id -> crate::store::types::DbUuid,
        leaf_hash -> Binary,
        chain -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_node (level, position) {
        level -> BigInt,
        position -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_checkpoint (size) {
        size -> BigInt,
        root -> Binary,
        signed_at -> crate::store::types::DbInstant,
        note -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_commitment (entry_id) {
        entry_id -> crate::store::types::DbUuid,
        key -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    idempotency (caller, operation, idempotency_key) {
        caller -> Text,
        operation -> Text,
        idempotency_key -> Text,
        request_digest -> Text,
        status -> BigInt,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        body -> Text,
        created_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    setting (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    section47 (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        authority -> Text,
        version -> BigInt,
        created_at -> crate::store::types::DbInstant,
        changed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    section47_state (id) {
        id -> crate::store::types::DbUuid,
        section47_id -> crate::store::types::DbUuid,
        referral_on -> Nullable<Date>,
        strategy_discussion_on -> Date,
        decided_on -> Nullable<Date>,
        started_on -> Nullable<Date>,
        outcome -> Nullable<Text>,
        outcome_on -> Nullable<Date>,
        assessment_completed_on -> Nullable<Date>,
        departure_reason -> Nullable<Text>,
        departure_approved_by -> Nullable<Text>,
        entered_in_error -> Bool,
        error_reason -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    conference (id) {
        id -> crate::store::types::DbUuid,
        authority -> Text,
        version -> BigInt,
        created_at -> crate::store::types::DbInstant,
        changed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    conference_state (id) {
        id -> crate::store::types::DbUuid,
        conference_id -> crate::store::types::DbUuid,
        kind -> Text,
        held_on -> Date,
        chair -> Nullable<Text>,
        chair_person -> Nullable<Text>,
        language -> Nullable<Text>,
        quorate -> Nullable<Bool>,
        quorum_reason -> Nullable<Text>,
        departure_reason -> Nullable<Text>,
        departure_approved_by -> Nullable<Text>,
        entered_in_error -> Bool,
        error_reason -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    conference_attendee (id) {
        id -> crate::store::types::DbUuid,
        conference_id -> crate::store::types::DbUuid,
        name -> Text,
        agency -> Nullable<Text>,
        role -> Nullable<Text>,
        attendance -> Text,
        direct_contact -> Nullable<Bool>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    conference_decision (id) {
        id -> crate::store::types::DbUuid,
        conference_id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        section47_id -> Nullable<crate::store::types::DbUuid>,
        registration_id -> Nullable<crate::store::types::DbUuid>,
        decision -> Text,
        categories -> Text,
        consensus -> Nullable<Bool>,
        dissent -> Nullable<Text>,
        reasons -> Nullable<Text>,
        evidence -> Nullable<Text>,
        child_views -> Nullable<Text>,
        child_views_how -> Nullable<Text>,
        child_participation -> Nullable<Text>,
        parent_views -> Nullable<Text>,
        parent_views_how -> Nullable<Text>,
        views_language -> Nullable<Text>,
        advocacy_offered_on -> Nullable<Date>,
        advocacy_offered_by -> Nullable<Text>,
        advocacy_response -> Nullable<Text>,
        review_due_on -> Nullable<Date>,
        core_group_due_on -> Nullable<Date>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    visit (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        visited_on -> Date,
        visited_by -> Nullable<Text>,
        seen -> Bool,
        seen_alone -> Bool,
        at_home -> Bool,
        bedroom_seen -> Bool,
        note -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    core_group_meeting (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        held_on -> Date,
        note -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plan_milestone (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        kind -> Text,
        reached_on -> Date,
        note -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    clock_departure (id) {
        id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        clock -> Text,
        was_due_on -> Date,
        due_on -> Date,
        reason -> Text,
        approved_by -> Text,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    clock_escalation (registration_id, clock, due_on, level) {
        registration_id -> crate::store::types::DbUuid,
        clock -> Text,
        due_on -> Date,
        level -> BigInt,
        raised_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    revocation (id) {
        id -> crate::store::types::DbUuid,
        issuer -> Text,
        token_id -> Nullable<Text>,
        subject -> Nullable<Text>,
        reason -> Text,
        revoked_at -> crate::store::types::DbInstant,
        revoked_by -> Text,
        ends_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    clock_watch (registration_id) {
        registration_id -> crate::store::types::DbUuid,
        worked_on -> Date,
        registration_version -> BigInt,
        child_version -> BigInt,
        stale -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    clock_due (place) {
        place -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        authority -> Text,
        clock -> Text,
        started_on -> Date,
        due_on -> Date,
        soon_on -> Date,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    plan_withdrawal (fact_id) {
        fact_id -> crate::store::types::DbUuid,
        registration_id -> crate::store::types::DbUuid,
        kind -> Text,
        reason -> Text,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    notice_escalation (notice_id, level) {
        notice_id -> crate::store::types::DbUuid,
        level -> BigInt,
        raised_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_census (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        ethnicity -> Nullable<Text>,
        disabilities -> Nullable<Text>,
        upn_unknown -> Nullable<Text>,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    referral (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        referred_on -> Date,
        source -> Text,
        primary_need -> Text,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_withdrawal (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        standing -> Text,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    legal_hold (id) {
        id -> crate::store::types::DbUuid,
        authority -> Text,
        child_id -> Nullable<crate::store::types::DbUuid>,
        reason -> Text,
        version -> BigInt,
        placed_at -> crate::store::types::DbInstant,
        placed_by -> Text,
        lifted_at -> Nullable<crate::store::types::DbInstant>,
        lifted_by -> Nullable<Text>,
        lift_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    client (id) {
        id -> crate::store::types::DbUuid,
        version -> BigInt,
        name -> Text,
        sector -> Text,
        organisation_code -> Text,
        organisation_name -> Text,
        jwks -> Nullable<Text>,
        jwks_uri -> Nullable<Text>,
        status -> Text,
        status_reason -> Nullable<Text>,
        status_since -> crate::store::types::DbInstant,
        keys_since -> crate::store::types::DbInstant,
        registered_at -> crate::store::types::DbInstant,
        registered_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    client_assertion (client_id, assertion_id) {
        client_id -> crate::store::types::DbUuid,
        assertion_id -> Text,
        expires_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    federation_directory (version) {
        version -> BigInt,
        document -> Text,
        taken_up_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    member_statement (region) {
        region -> Text,
        serial -> BigInt,
        document -> Text,
        taken_up_at -> crate::store::types::DbInstant,
        earlier -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    peer_message (sender, message_id) {
        sender -> Text,
        message_id -> crate::store::types::DbUuid,
        received_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    check_waiting (enquiry_id, region) {
        enquiry_id -> crate::store::types::DbUuid,
        region -> Text,
        question -> Text,
        attempts -> BigInt,
        next_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    check_reading (region, message_id) {
        region -> Text,
        message_id -> crate::store::types::DbUuid,
        enquiry_id -> crate::store::types::DbUuid,
        entry -> Text,
        role -> Text,
        read_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    pregnancy (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        expected_on -> Date,
        outcome -> Text,
        ended_on -> Date,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    correction (fact_id) {
        fact_id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        subject -> Text,
        action -> Text,
        replaced_by -> Nullable<crate::store::types::DbUuid>,
        reason -> Text,
        corrected_at -> crate::store::types::DbInstant,
        corrected_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    child_shielding (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        shielded -> Bool,
        reason -> Text,
        valid_from -> Nullable<Date>,
        valid_to -> Nullable<Date>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
        superseded_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    identity_decision (id) {
        id -> crate::store::types::DbUuid,
        version -> BigInt,
        kind -> Text,
        kept_id -> crate::store::types::DbUuid,
        other_id -> crate::store::types::DbUuid,
        reason -> Text,
        decided_at -> crate::store::types::DbInstant,
        decided_by -> Text,
        undone_at -> Nullable<crate::store::types::DbInstant>,
        undone_by -> Nullable<Text>,
        undo_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    possible_duplicate (one_id, other_id) {
        one_id -> crate::store::types::DbUuid,
        other_id -> crate::store::types::DbUuid,
        task_id -> crate::store::types::DbUuid,
        grade -> Text,
        found_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    duplicate_check (child_id) {
        child_id -> crate::store::types::DbUuid,
        queued_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    break_glass (id) {
        id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        person -> Text,
        role -> Text,
        reason -> Text,
        opened_at -> crate::store::types::DbInstant,
        ends_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    session (digest) {
        digest -> Text,
        sealed_token -> Text,
        ends_at -> crate::store::types::DbInstant,
        began_at -> Nullable<crate::store::types::DbInstant>,
        idle_ends_at -> Nullable<crate::store::types::DbInstant>,
        sealed_kept -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    sign_in (digest) {
        digest -> Text,
        sealed -> Text,
        ends_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    event (id) {
        id -> crate::store::types::DbUuid,
        entry_id -> crate::store::types::DbUuid,
        kind -> Text,
        audience -> Text,
        subject -> Text,
        child_id -> Nullable<crate::store::types::DbUuid>,
        happened_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    event_acknowledgement (consumer) {
        consumer -> Text,
        leaf_index -> BigInt,
        event_id -> crate::store::types::DbUuid,
        acknowledged_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    custody (id) {
        id -> crate::store::types::DbUuid,
        custody_id -> crate::store::types::DbUuid,
        authority -> Text,
        child_id -> Nullable<crate::store::types::DbUuid>,
        version -> BigInt,
        standing -> Text,
        is_open -> Bool,
        is_pending -> Bool,
        leader -> Nullable<Text>,
        epoch -> Nullable<BigInt>,
        state -> Text,
        raise_at -> Nullable<crate::store::types::DbInstant>,
        raised_at -> Nullable<crate::store::types::DbInstant>,
        drive_at -> Nullable<crate::store::types::DbInstant>,
        created_at -> crate::store::types::DbInstant,
        changed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    transfer (id) {
        id -> crate::store::types::DbUuid,
        custody_id -> crate::store::types::DbUuid,
        child_id -> crate::store::types::DbUuid,
        from_authority -> Text,
        from_region -> Text,
        to_authority -> Text,
        to_region -> Text,
        version -> BigInt,
        is_open -> Bool,
        created_at -> crate::store::types::DbInstant,
        changed_at -> crate::store::types::DbInstant,
        kind -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    transfer_step (id) {
        id -> crate::store::types::DbUuid,
        transfer_id -> crate::store::types::DbUuid,
        authority -> Text,
        action -> Text,
        role -> Text,
        name -> Text,
        reason -> Nullable<Text>,
        words -> Nullable<Text>,
        conference_id -> Nullable<crate::store::types::DbUuid>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    custody_outbox (id) {
        id -> crate::store::types::DbUuid,
        custody_id -> crate::store::types::DbUuid,
        transfer_id -> Nullable<crate::store::types::DbUuid>,
        from_authority -> Text,
        to_authority -> Text,
        region -> Text,
        kind -> Text,
        body -> Text,
        state -> Text,
        attempts -> BigInt,
        refused -> BigInt,
        problem -> Nullable<Text>,
        next_at -> crate::store::types::DbInstant,
        created_at -> crate::store::types::DbInstant,
        ended_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    custody_inbox (sender, message_id) {
        sender -> Text,
        message_id -> crate::store::types::DbUuid,
        custody_id -> crate::store::types::DbUuid,
        digest -> Text,
        received_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    alert (id) {
        id -> crate::store::types::DbUuid,
        custody_id -> crate::store::types::DbUuid,
        child_id -> Nullable<crate::store::types::DbUuid>,
        registration_id -> Nullable<crate::store::types::DbUuid>,
        authority -> Text,
        owner -> Text,
        version -> BigInt,
        status -> Text,
        is_shown -> Bool,
        is_exercise -> Bool,
        state -> Text,
        kept -> Text,
        body -> Binary,
        raise_at -> Nullable<crate::store::types::DbInstant>,
        raised_at -> Nullable<crate::store::types::DbInstant>,
        drive_at -> Nullable<crate::store::types::DbInstant>,
        created_at -> crate::store::types::DbInstant,
        changed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    alert_step (id) {
        id -> crate::store::types::DbUuid,
        alert_id -> crate::store::types::DbUuid,
        authority -> Text,
        action -> Text,
        role -> Text,
        name -> Text,
        reason -> Nullable<Text>,
        words -> Nullable<Text>,
        recorded_at -> crate::store::types::DbInstant,
        recorded_by -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    alert_report (alert_id, sighting_id) {
        alert_id -> crate::store::types::DbUuid,
        sighting_id -> crate::store::types::DbUuid,
        details -> Text,
        is_taken -> Bool,
        created_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    webhook (id) {
        id -> crate::store::types::DbUuid,
        version -> BigInt,
        owner -> Text,
        url -> Text,
        kinds -> Nullable<Text>,
        signing -> Text,
        generation -> BigInt,
        rotated_at -> Nullable<crate::store::types::DbInstant>,
        status -> Text,
        status_reason -> Nullable<Text>,
        after_leaf -> BigInt,
        after_event -> crate::store::types::DbUuid,
        created_at -> crate::store::types::DbInstant,
        created_by -> Text,
        changed_at -> crate::store::types::DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    webhook_delivery (webhook_id, event_id) {
        webhook_id -> crate::store::types::DbUuid,
        event_id -> crate::store::types::DbUuid,
        leaf_index -> BigInt,
        child_id -> Nullable<crate::store::types::DbUuid>,
        status -> Text,
        attempts -> BigInt,
        next_at -> crate::store::types::DbInstant,
        answered -> Nullable<BigInt>,
        problem -> Nullable<Text>,
        attempted_at -> Nullable<crate::store::types::DbInstant>,
        done_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    comparison (region) {
        region -> Text,
        next_at -> crate::store::types::DbInstant,
        compared_at -> Nullable<crate::store::types::DbInstant>,
        status -> Nullable<Text>,
        differing -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    comparison_difference (region, item_id) {
        region -> Text,
        item_id -> crate::store::types::DbUuid,
        first_seen_at -> crate::store::types::DbInstant,
        reported_at -> Nullable<crate::store::types::DbInstant>,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    pregnancy,
    correction,
    child_shielding,
    identity_decision,
    possible_duplicate,
    duplicate_check,
    break_glass,
    child,
    child_particulars,
    child_name,
    child_identifier,
    child_address,
    child_practice,
    household_member,
    registration,
    registration_state,
    registration_category,
    registration_coordinator,
    core_group_member,
    import_record,
    import_run,
    import_chunk,
    import_result,
    import_mismatch,
    missed_appointment,
    match_record,
    match_key,
    match_key_stat,
    match_token_stat,
    match_summary,
    enquiry,
    enquiry_match,
    enquiry_key,
    notice,
    task,
    task_evidence,
    enquiry_mark,
    check_budget,
    audit_entry,
    audit_child,
    audit_pending,
    audit_leaf,
    audit_node,
    audit_checkpoint,
    audit_commitment,
    idempotency,
    setting,
    section47,
    section47_state,
    conference,
    conference_state,
    conference_attendee,
    conference_decision,
    visit,
    core_group_meeting,
    plan_milestone,
    clock_departure,
    clock_escalation,
    revocation,
    clock_watch,
    clock_due,
    plan_withdrawal,
    notice_escalation,
    child_census,
    referral,
    child_withdrawal,
    legal_hold,
    client,
    client_assertion,
    federation_directory,
    member_statement,
    peer_message,
    check_waiting,
    check_reading,
    session,
    sign_in,
    event,
    event_acknowledgement,
    custody,
    transfer,
    transfer_step,
    custody_outbox,
    custody_inbox,
    alert,
    alert_step,
    alert_report,
    webhook,
    webhook_delivery,
    comparison,
    comparison_difference,
);

diesel::joinable!(enquiry_match -> enquiry (enquiry_id));
diesel::joinable!(enquiry_mark -> enquiry (enquiry_id));
diesel::joinable!(task_evidence -> enquiry (enquiry_id));
