"""Imports every table, so that migrations and tests see them all."""

from triage.domain.access.codes import RecoveryCode, Totp
from triage.domain.access.passkeys import Passkey
from triage.domain.access.resets import ResetRequest
from triage.domain.access.set_up import SetUpCode
from triage.domain.access.tokens import MemberToken
from triage.domain.audit import Audit
from triage.domain.conversations.answers import AutomaticAnswer
from triage.domain.conversations.asking_out import PossibleOptOut
from triage.domain.conversations.conversation import Conversation
from triage.domain.conversations.delivery import DeliveryReport, OutboundText
from triage.domain.conversations.drafts import Draft
from triage.domain.conversations.message import Message
from triage.domain.conversations.notices import OptInNotice
from triage.domain.conversations.reading import MemberReading
from triage.domain.importing.run import ImportPiece, ImportRow, ImportRun
from triage.domain.inbox.choices import PatientChoice
from triage.domain.inbox.merging import PatientMerge
from triage.domain.inbox.reminding import UnreadReminder
from triage.domain.inbox.searching import Search
from triage.domain.inbox.stars import Star
from triage.domain.inbox.task import Assignment, AssignmentExplanation, Task, TaskEvent, TaskMessage
from triage.domain.intake.ledger import Inbound, StrayCall
from triage.domain.mail import Letter
from triage.domain.patients.care_team import CareTeamMember, FormerCareTeamMember
from triage.domain.patients.consent import ConsentEvent
from triage.domain.patients.following import PatientFollower
from triage.domain.patients.patient import Contact, Enrolment, Patient, PatientContact
from triage.domain.patients.phones import Phone, PhoneUse
from triage.domain.practice.member import Member, MemberFacility
from triage.domain.practice.practice import Facility, Practice, PracticeNumber
from triage.domain.practice.privileges import Role
from triage.domain.practice.program import Program, ProgramRestriction
from triage.domain.practice.sign_in import MemberSession
from triage.domain.practice.submission import Submission
from triage.domain.practice.texts import PracticeText
from triage.domain.practice.throttle import Throttle
from triage.kit.db import Base
from triage.kit.heartbeat import Heartbeat, TickRun

ALL = (
    Practice, PracticeText, Facility, PracticeNumber, Role, Program, Member, MemberFacility, ProgramRestriction,
    MemberSession, Throttle, Submission, Audit, Totp, RecoveryCode, Passkey,
    MemberToken, ResetRequest, Letter, SetUpCode,
    Patient, Contact, PatientContact, Enrolment, Phone, PhoneUse, CareTeamMember, FormerCareTeamMember, PatientFollower,
    ConsentEvent,
    Conversation, Message, AutomaticAnswer, OptInNotice, OutboundText, DeliveryReport, MemberReading, Draft, PossibleOptOut,
    Task, TaskMessage, Assignment, TaskEvent, AssignmentExplanation, Star, Search, PatientMerge, PatientChoice,
    UnreadReminder,
    ImportRun, ImportPiece, ImportRow,
    Inbound, StrayCall, Heartbeat, TickRun,
)  # fmt: skip
metadata = Base.metadata
