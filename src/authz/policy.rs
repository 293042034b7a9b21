//! The policy: one table. What is not in it is denied.
//!
//! # Source
//! The table of roles in the procedures (`docs/roles` in the README), drawn from WSP-4.12 (who may enquire), WSP-4.3
//! (co-ordinator), MK-REC (designated manager) and the rule that an enquirer gets the minimum answer.

use crate::domain::roles::Role;

/// How far an allowed role reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything within the authorities of the token.
    Scope,
    /// Only what is the person's own: checks they asked, notices to them, cases they co-ordinate.
    Own,
}

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident = $code:literal { $($role:ident: $reach:ident),* $(,)? })+) => {
        /// Something that can be done through the API. Its code is the `operationId` of the OpenAPI document.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Operation {
            $($(#[$doc])* $name,)+
        }

        impl Operation {
            /// Every operation, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// Which roles may do it, and how far they reach.
            pub fn allowed(self) -> &'static [(Role, Reach)] {
                match self { $(Self::$name => &[$((Role::$role, Reach::$reach)),*],)+ }
            }
        }

        /// A type for each operation, so that a permit for one cannot be spent on another.
        pub mod action {
            use super::Operation;
            use crate::authz::Action;
            $(
                $(#[$doc])*
                #[derive(Debug)]
                pub struct $name;
                impl Action for $name {
                    const OPERATION: Operation = Operation::$name;
                }
            )+
        }
    };
}

operations! {
    /// Ask whether a child is on a register.
    AskCheck = "askCheck" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Scope, TeamManager: Scope, SeniorSafeguardingManager: Scope, Partner: Own }
    /// Ask about several children at once.
    AskChecks = "askChecks" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Scope, TeamManager: Scope, SeniorSafeguardingManager: Scope, Partner: Own }
    /// List checks.
    ListChecks = "listChecks" { Custodian: Scope, EmergencyDuty: Own, Coordinator: Own, TeamManager: Own, SeniorSafeguardingManager: Own, Partner: Own }
    /// Read a check again.
    ReadCheck = "readCheck" { Custodian: Scope, EmergencyDuty: Own, Coordinator: Own, TeamManager: Own, SeniorSafeguardingManager: Own, Partner: Own }
    /// Enter a person.
    AddChild = "addChild" { Custodian: Scope }
    /// Read what the register holds of a person.
    ReadChild = "readChild" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Add a name to a person.
    AddName = "addName" { Custodian: Scope, Coordinator: Own }
    /// Add an address to a person.
    AddAddress = "addAddress" { Custodian: Scope, Coordinator: Own }
    /// Add an identifier to a person.
    AddIdentifier = "addIdentifier" { Custodian: Scope, Coordinator: Own }
    /// Add a household member or carer to a person.
    AddHouseholdMember = "addHouseholdMember" { Custodian: Scope, Coordinator: Own }
    /// Record how the pregnancy of a child entered before birth ended.
    RecordBirth = "recordBirth" { Custodian: Scope }
    /// Correct or end a name.
    CorrectName = "correctName" { Custodian: Scope, Coordinator: Own }
    /// Correct or end an address.
    CorrectAddress = "correctAddress" { Custodian: Scope, Coordinator: Own }
    /// Correct or end an identifier.
    CorrectIdentifier = "correctIdentifier" { Custodian: Scope, Coordinator: Own }
    /// Correct a household member or carer, or end their stay.
    CorrectHouseholdMember = "correctHouseholdMember" { Custodian: Scope, Coordinator: Own }
    /// Correct birth, sex, language and needs.
    CorrectParticulars = "correctParticulars" { Custodian: Scope, Coordinator: Own }
    /// State with which general practice a person is registered.
    StatePractice = "statePractice" { Custodian: Scope, Coordinator: Own }
    /// Take back a name that was entered in error.
    WithdrawName = "withdrawName" { Custodian: Scope, Coordinator: Own }
    /// Take back an address that was entered in error.
    WithdrawAddress = "withdrawAddress" { Custodian: Scope, Coordinator: Own }
    /// Take back an identifier that was entered in error.
    WithdrawIdentifier = "withdrawIdentifier" { Custodian: Scope, Coordinator: Own }
    /// Take back a household member who was entered in error.
    WithdrawHouseholdMember = "withdrawHouseholdMember" { Custodian: Scope, Coordinator: Own }
    /// Read what was true of a person on a day, and what was known then.
    ReadHistory = "readHistory" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Decide that two records are of one person.
    MergeChildren = "mergeChildren" { Custodian: Scope }
    /// Decide that two records are of two people.
    TellChildrenApart = "tellChildrenApart" { Custodian: Scope }
    /// Read what was decided of two records.
    ReadIdentityDecision = "readIdentityDecision" { Custodian: Scope }
    /// Undo what was decided of two records.
    UndoIdentityDecision = "undoIdentityDecision" { Custodian: Scope }
    /// Shield a record, or no longer.
    ShieldChild = "shieldChild" { Custodian: Scope }
    /// Open a restricted record in an emergency.
    BreakGlass = "breakGlass" { EmergencyDuty: Scope, Coordinator: Scope, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Mark a person as entered in error.
    MarkChildInError = "markChildInError" { Custodian: Scope }
    /// Close an identity because of an adoption.
    CloseIdentity = "closeIdentity" { Custodian: Scope }
    /// Enter a registration.
    AddRegistration = "addRegistration" { Custodian: Scope }
    /// List registrations.
    ListRegistrations = "listRegistrations" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read a registration.
    ReadRegistration = "readRegistration" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Mark a registration as entered in error.
    MarkRegistrationInError = "markRegistrationInError" { Custodian: Scope }
    /// Read who co-ordinates a registration.
    ReadCoordinator = "readCoordinator" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Change who co-ordinates a registration.
    ChangeCoordinator = "changeCoordinator" { Custodian: Scope, TeamManager: Scope }
    /// Read the categories of a registration.
    ReadCategories = "readCategories" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Change the categories of a registration.
    ChangeCategories = "changeCategories" { Custodian: Scope }
    /// Read the core group of a registration.
    ReadCoreGroup = "readCoreGroup" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Change the core group of a registration.
    ChangeCoreGroup = "changeCoreGroup" { Custodian: Scope, Coordinator: Own, TeamManager: Scope }
    /// Take a name off the register.
    RemoveRegistration = "removeRegistration" { Custodian: Scope }
    /// Read how a registration ended.
    ReadRemoval = "readRemoval" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Put a name back whose removal was recorded in error.
    MarkRemovalInError = "markRemovalInError" { Custodian: Scope }
    /// Tell another authority that a child moves, or may move, to it.
    AddTransfer = "addTransfer" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope }
    /// Tell another authority that the children of a family move to it.
    AddFamilyMove = "addFamilyMove" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope }
    /// Read who is responsible for a child, and what keeps it so.
    ReadResponsibility = "readResponsibility" { Custodian: Scope, Coordinator: Own }
    /// Record what keeps responsibility for a child here.
    ChangeResponsibility = "changeResponsibility" { Custodian: Scope }
    /// List moves.
    ListTransfers = "listTransfers" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read a move.
    ReadTransfer = "readTransfer" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Take the next step of a move. Which role may take which is the table of the state machine.
    ActOnTransfer = "actOnTransfer" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Raise an alert: a child is missing, or a family is not where it is expected.
    AddAlert = "addAlert" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope }
    /// List alerts.
    ListAlerts = "listAlerts" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read an alert.
    ReadAlert = "readAlert" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Take the next step about an alert. Which role may take which is the table of the state machine.
    ActOnAlert = "actOnAlert" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Enter a section 47 enquiry.
    AddSection47Enquiry = "addSection47Enquiry" { Custodian: Scope, TeamManager: Scope }
    /// List section 47 enquiries.
    ListSection47Enquiries = "listSection47Enquiries" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read a section 47 enquiry.
    ReadSection47Enquiry = "readSection47Enquiry" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Change a section 47 enquiry.
    ChangeSection47Enquiry = "changeSection47Enquiry" { Custodian: Scope, TeamManager: Scope }
    /// Mark a section 47 enquiry as entered in error.
    MarkSection47EnquiryInError = "markSection47EnquiryInError" { Custodian: Scope }
    /// Record a conference with its decisions.
    AddConference = "addConference" { Custodian: Scope, ConferenceChair: Own }
    /// List conferences.
    ListConferences = "listConferences" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, ConferenceChair: Own, SeniorSafeguardingManager: Scope }
    /// Read a conference.
    ReadConference = "readConference" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, ConferenceChair: Own, SeniorSafeguardingManager: Scope }
    /// Correct a conference.
    CorrectConference = "correctConference" { Custodian: Scope, ConferenceChair: Own }
    /// Mark a conference as entered in error.
    MarkConferenceInError = "markConferenceInError" { Custodian: Scope }
    /// Record a visit to a child.
    AddVisit = "addVisit" { Custodian: Scope, Coordinator: Own, TeamManager: Scope }
    /// List the visits to a child.
    ListVisits = "listVisits" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read a visit.
    ReadVisit = "readVisit" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Mark a visit as entered in error.
    MarkVisitInError = "markVisitInError" { Custodian: Scope, Coordinator: Own, TeamManager: Scope }
    /// Record a meeting of a core group.
    AddCoreGroupMeeting = "addCoreGroupMeeting" { Custodian: Scope, Coordinator: Own, TeamManager: Scope }
    /// List the meetings of a core group.
    ListCoreGroupMeetings = "listCoreGroupMeetings" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read a meeting of a core group.
    ReadCoreGroupMeeting = "readCoreGroupMeeting" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Mark a meeting of a core group as entered in error.
    MarkCoreGroupMeetingInError = "markCoreGroupMeetingInError" { Custodian: Scope, Coordinator: Own, TeamManager: Scope }
    /// Record what was done under a plan.
    AddMilestone = "addMilestone" { Custodian: Scope, Coordinator: Own, TeamManager: Scope }
    /// List what was done under a plan.
    ListMilestones = "listMilestones" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read a milestone.
    ReadMilestone = "readMilestone" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Mark a milestone as entered in error.
    MarkMilestoneInError = "markMilestoneInError" { Custodian: Scope, Coordinator: Own, TeamManager: Scope }
    /// Read the clocks of a registration.
    ReadClocks = "readClocks" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// List the clocks that are overdue or due soon.
    ListClocks = "listClocks" { Custodian: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Authorise another date for a clock.
    AddDeparture = "addDeparture" { SeniorSafeguardingManager: Scope }
    /// List notices.
    ListNotices = "listNotices" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope, Partner: Own }
    /// Read a notice.
    ReadNotice = "readNotice" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope, Partner: Own }
    /// Acknowledge a notice.
    AcknowledgeNotice = "acknowledgeNotice" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope, Partner: Own }
    /// Follow what happens, as a program.
    ListEvents = "listEvents" { Custodian: Scope, Partner: Own }
    /// Acknowledge events.
    AcknowledgeEvents = "acknowledgeEvents" { Custodian: Scope, Partner: Own }
    /// Subscribe to events.
    AddWebhook = "addWebhook" { Custodian: Scope, Partner: Own }
    /// List one's subscriptions.
    ListWebhooks = "listWebhooks" { Custodian: Scope, Partner: Own }
    /// Read a subscription.
    ReadWebhook = "readWebhook" { Custodian: Scope, Partner: Own }
    /// Read what verifies the signatures of a subscription.
    ReadWebhookSecret = "readWebhookSecret" { Custodian: Scope, Partner: Own }
    /// Change a subscription.
    ChangeWebhook = "changeWebhook" { Custodian: Scope, Partner: Own }
    /// Give a subscription another secret.
    RotateWebhookSecret = "rotateWebhookSecret" { Custodian: Scope, Partner: Own }
    /// Try a subscription.
    TestWebhook = "testWebhook" { Custodian: Scope, Partner: Own }
    /// List the deliveries of a subscription.
    ListWebhookDeliveries = "listWebhookDeliveries" { Custodian: Scope, Partner: Own }
    /// Have events sent again.
    ReplayWebhook = "replayWebhook" { Custodian: Scope, Partner: Own }
    /// List tasks.
    ListTasks = "listTasks" { Custodian: Scope, EmergencyDuty: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read a task.
    ReadTask = "readTask" { Custodian: Scope, EmergencyDuty: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Close a task.
    CloseTask = "closeTask" { Custodian: Scope, EmergencyDuty: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Read who is in the federation and whom to ring there.
    ReadDirectory = "readDirectory" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Scope, TeamManager: Scope, ConferenceChair: Scope, SeniorSafeguardingManager: Scope, Partner: Scope, Statistics: Scope, Auditor: Scope, Operator: Scope }
    /// List the audit log.
    ListAudit = "listAudit" { Custodian: Scope, Coordinator: Own, Auditor: Scope }
    /// Read the latest checkpoint of the audit log.
    ReadAuditCheckpoint = "readAuditCheckpoint" { Custodian: Scope, Coordinator: Own, Auditor: Scope }
    /// Prove that an entry stands in the audit log.
    ReadAuditProof = "readAuditProof" { Custodian: Scope, Coordinator: Own, Auditor: Scope }
    /// Prove that the audit log only grew.
    ReadAuditConsistency = "readAuditConsistency" { Custodian: Scope, Coordinator: Own, Auditor: Scope }
    /// Revoke a token or a person.
    AddRevocation = "addRevocation" { Operator: Scope }
    /// List what is revoked.
    ListRevocations = "listRevocations" { Auditor: Scope, Operator: Scope }
    /// Make a return.
    ReadStatistics = "readStatistics" { Custodian: Scope, SeniorSafeguardingManager: Scope, Statistics: Scope }
    /// Read what retention would erase, and why what stays stays.
    ReadRetention = "readRetention" { Custodian: Scope }
    /// Place a legal hold.
    AddLegalHold = "addLegalHold" { Custodian: Scope, SeniorSafeguardingManager: Scope }
    /// List legal holds.
    ListLegalHolds = "listLegalHolds" { Custodian: Scope, SeniorSafeguardingManager: Scope }
    /// Read a legal hold.
    ReadLegalHold = "readLegalHold" { Custodian: Scope, SeniorSafeguardingManager: Scope }
    /// Lift a legal hold.
    LiftLegalHold = "liftLegalHold" { Custodian: Scope, SeniorSafeguardingManager: Scope }
    /// Make a return on the machine itself. Only the program does it, at the request of whoever runs it.
    RunStatistics = "runStatistics" {}
    /// Say what retention would erase. Only the program does it.
    PlanErasure = "planErasure" {}
    /// Erase the record of a person at the end of retention: its entry is the tombstone. Only the program does it.
    EraseRecord = "eraseRecord" {}
    /// Register a partner system.
    AddClient = "addClient" { Operator: Scope }
    /// List the partner systems.
    ListClients = "listClients" { Operator: Scope }
    /// Read what is registered of a partner system.
    ReadClient = "readClient" { Operator: Scope }
    /// Change the keys of a partner system.
    ChangeClientKeys = "changeClientKeys" { Operator: Scope }
    /// Suspend a partner system.
    SuspendClient = "suspendClient" { Operator: Scope }
    /// Let a suspended partner system in again.
    ResumeClient = "resumeClient" { Operator: Scope }
    /// Cut a partner system off for good.
    RevokeClient = "revokeClient" { Operator: Scope }
    /// Issue an access token to a partner system that has proved who it is.
    IssueToken = "issueToken" {}
    /// Begin a session on the pages.
    SignIn = "signIn" {}
    /// End a session on the pages.
    SignOut = "signOut" {}
    /// Take up a new version of the directory of members.
    PublishDirectory = "publishDirectory" { Operator: Scope }
    /// Answer another region: is this child on our register?
    AnswerPeer = "answerPeer" { Peer: Scope }
    /// Exchange the directory and statements with another region.
    ExchangeDirectory = "exchangeDirectory" { Peer: Scope }
    /// Take in what an authority of another region says of a child's custody.
    ReceiveCustody = "receiveCustody" { Peer: Scope }
    /// Take in what another region says of an alert.
    ReceiveAlert = "receiveAlert" { Peer: Scope }
    /// Take in that a person in another region has read of a check that was asked here.
    ReceiveReading = "receiveReading" { Peer: Scope }
    /// Compare what is open with another region, which asks for it.
    AnswerComparison = "answerComparison" { Peer: Scope }
    /// Ask a region again that has not answered a check. Only the program does it.
    CompleteCheck = "completeCheck" {}
    /// Note that another region refused to answer, or did not answer this question. Only the program does it.
    AskPeer = "askPeer" {}
    /// Take up a member's newer statement, or a directory from a file. Only the program does it.
    TakeUpMembers = "takeUpMembers" {}
    /// Report that a child missed an appointment.
    ReportMissedAppointment = "reportMissedAppointment" { Custodian: Scope, EmergencyDuty: Scope, Partner: Own }
    /// List the appointments that a child missed.
    ListMissedAppointments = "listMissedAppointments" { Custodian: Scope, EmergencyDuty: Scope, Coordinator: Own, TeamManager: Scope, SeniorSafeguardingManager: Scope }
    /// Send a file of people and registrations to be imported.
    AddImport = "addImport" { Custodian: Scope }
    /// List imports.
    ListImports = "listImports" { Custodian: Scope }
    /// Read how far an import is.
    ReadImport = "readImport" { Custodian: Scope }
    /// Read what became of the rows of an import.
    ListImportRows = "listImportRows" { Custodian: Scope }
    /// Load people and registrations in bulk. Only the program does it, at the request of whoever runs it.
    Import = "import" {}
    /// Look for records of one person among those that an import brought; for the program itself.
    FindDuplicates = "findDuplicates" {}
    /// Refresh the matcher's statistics. Only the program does it.
    RefreshStatistics = "refreshStatistics" {}
    /// Look through the enquiry log for what looks like fishing. Only the program does it.
    DetectPatterns = "detectPatterns" {}
    /// Work out clocks, tell of them, and end what ends by itself. Only the program does it.
    KeepClocks = "keepClocks" {}
    /// Take in what another authority says of a child's custody, from this region. Only the program does it.
    DeliverCustody = "deliverCustody" {}
    /// List messages to other authorities and regions that are not delivered.
    ListMessages = "listMessages" { Operator: Scope }
    /// Send a message again that is not delivered.
    ReplayMessage = "replayMessage" { Operator: Scope }
    /// See how comparing with other regions stands.
    ListComparisons = "listComparisons" { Custodian: Scope, Operator: Scope }
    /// Compare with other regions now.
    AddComparison = "addComparison" { Custodian: Scope, Operator: Scope }
    /// Compare with another region what is open between them. Only the program does it.
    CompareRegisters = "compareRegisters" {}
    /// List messages that are not delivered, send one again, or park one that was refused for good. Only the program does it, in its
    /// own time or at the request of whoever runs it.
    TendMessages = "tendMessages" {}
    /// Tell of duties about moves that are not done in time, and send again what has no answer. Only the program does it.
    KeepCustody = "keepCustody" {}
    /// Put hits to alerts, tell of duties about alerts that are not done in time, and send again what has no answer. Only the program
    /// does it.
    KeepAlerts = "keepAlerts" {}
    /// Measure the matching. Only the program does it.
    MeasureMatching = "measureMatching" {}
    /// Put a sandbox back to how it began, or move its clock. Only in a sandbox.
    ResetSandbox = "resetSandbox" {}
    /// A request that names no operation: an unknown path, or a method that the path does not have.
    Unknown = "unknown" {}
}

impl Operation {
    /// Whether a person must stand behind it: no system asks about a child by itself.
    ///
    /// # Source
    /// MK-REC and contract, part 1: enquirers are known and recorded before anything is told.
    pub fn needs_a_person(self) -> bool {
        matches!(self, Self::AskCheck | Self::AskChecks)
    }
}

/// The reach of a role for an operation; nothing when it is not allowed.
pub fn reach(operation: Operation, role: Role) -> Option<Reach> {
    operation.allowed().iter().find(|(allowed, _)| *allowed == role).map(|(_, reach)| *reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The operations that show the audit log and nothing of a case.
    const AUDIT: [Operation; 4] =
        [Operation::ListAudit, Operation::ReadAuditCheckpoint, Operation::ReadAuditProof, Operation::ReadAuditConsistency];

    /// The operations that say which tokens are believed no more, and nothing of a case.
    const REVOCATIONS: [Operation; 2] = [Operation::AddRevocation, Operation::ListRevocations];

    /// The operations about partner systems, which show nothing of a case.
    const CLIENTS: [Operation; 7] = [
        Operation::AddClient,
        Operation::ListClients,
        Operation::ReadClient,
        Operation::ChangeClientKeys,
        Operation::SuspendClient,
        Operation::ResumeClient,
        Operation::RevokeClient,
    ];
    /// The operations about the federation's members, and the one question that another region may ask: its answer is the minimum.
    const FEDERATION: [(Role, Operation); 11] = [
        (Role::Operator, Operation::ListComparisons),
        (Role::Operator, Operation::AddComparison),
        (Role::Peer, Operation::AnswerComparison),
        (Role::Operator, Operation::PublishDirectory),
        (Role::Operator, Operation::ListMessages),
        (Role::Operator, Operation::ReplayMessage),
        (Role::Peer, Operation::AnswerPeer),
        (Role::Peer, Operation::ExchangeDirectory),
        (Role::Peer, Operation::ReceiveCustody),
        (Role::Peer, Operation::ReceiveAlert),
        (Role::Peer, Operation::ReceiveReading),
    ];

    /// The operations about conferences: a chair sees a case in conference only.
    const CONFERENCES: [Operation; 4] =
        [Operation::AddConference, Operation::ListConferences, Operation::ReadConference, Operation::CorrectConference];

    #[test]
    fn a_chair_reaches_the_conferences_they_chaired_and_no_other_case() {
        for operation in Operation::ALL {
            let expected = match operation {
                Operation::ReadDirectory => Some(Reach::Scope),
                operation if CONFERENCES.contains(operation) => Some(Reach::Own),
                _ => None,
            };
            assert_eq!(reach(*operation, Role::ConferenceChair), expected, "{}", operation.as_str());
        }
    }

    #[test]
    fn those_who_must_not_see_a_case_cannot_reach_one() {
        for operation in Operation::ALL {
            for role in [Role::Operator, Role::Statistics, Role::Auditor, Role::Peer] {
                let open = *operation == Operation::ReadDirectory
                    // How many there are, and nobody of them: what a return tells this role is decided where it is made.
                    || (role == Role::Statistics && *operation == Operation::ReadStatistics)
                    || FEDERATION.contains(&(role, *operation))
                    || (role == Role::Auditor && AUDIT.contains(operation))
                    || ([Role::Operator, Role::Auditor].contains(&role) && REVOCATIONS.contains(operation))
                    || (role == Role::Operator && CLIENTS.contains(operation));
                assert!(open || reach(*operation, role).is_none(), "{} {}", operation.as_str(), role.as_str());
            }
        }
    }

    #[test]
    fn a_partner_reaches_only_what_it_asked_itself() {
        for operation in Operation::ALL {
            let partner = reach(*operation, Role::Partner);
            let expected = match operation {
                Operation::AskCheck | Operation::AskChecks | Operation::ListChecks | Operation::ReadCheck => Some(Reach::Own),
                // What became of their own checks later.
                Operation::ListNotices | Operation::ReadNotice | Operation::AcknowledgeNotice => Some(Reach::Own),
                Operation::ListEvents | Operation::AcknowledgeEvents => Some(Reach::Own),
                // Where those events are sent.
                operation if operation.as_str().contains("Webhook") => Some(Reach::Own),
                // The answer tells nothing.
                Operation::ReportMissedAppointment => Some(Reach::Own),
                Operation::ReadDirectory => Some(Reach::Scope),
                _ => None,
            };
            assert_eq!(partner, expected, "{}", operation.as_str());
        }
    }
}
