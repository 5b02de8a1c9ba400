"""The tables of the database, with the unique keys that correctness rests on.

Money is kept as integer minor units beside its currency, quantities and
prices as decimal text inside JSON: SQLite's NUMERIC would lose digits. Times
are UTC ISO text (SQLite has no aware type). The audit table is append-only:
triggers refuse UPDATE and DELETE.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

meta = MetaData()

cursors = Table(
    "cursors",
    meta,
    Column("source", String, primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("changed_at", String, nullable=False),
)

messages = Table(
    "messages",
    meta,
    Column("key", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("message_id", String, index=True),
    Column("sha256", String, index=True),
    Column("sender", String, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("received_at", String, nullable=False),
    Column("outcome", String, nullable=False, default="received"),
    Column("outcome_reason", Text, nullable=False, default=""),
    Column("settled", Boolean, nullable=False, default=False),
)

documents = Table(
    "documents",
    meta,
    Column("id", String, primary_key=True),
    Column("media_type", String, nullable=False),
    Column("name", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("origin", Text, nullable=False),
    Column("first_page", Integer),
    Column("last_page", Integer),
    Column("parent_id", String, ForeignKey("documents.id")),
    Column("message_key", String, ForeignKey("messages.key"), index=True),
    Column("revision", Integer, nullable=False, default=1),
    # received -> read -> matched -> decided -> posted; or held, filed (no invoice),
    # joined (a second view), rejected, split; bank_file waits for the statements bot
    Column("state", String, nullable=False, index=True),
    Column("kind", String, nullable=False, default="unknown"),
    Column("text", Text, nullable=False, default=""),
    # The page a person would have seen, as PDF: for documents that are HTML.
    Column("archive_path", Text),
    Column("seen_at", String, nullable=False),
    Column("changed_at", String, nullable=False),
)

arrivals = Table(
    # Every way a document came in; the same bytes may arrive many times.
    "arrivals",
    meta,
    Column("document_id", String, ForeignKey("documents.id"), primary_key=True),
    Column("message_key", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("arrived_at", String, nullable=False),
)

fields = Table(
    "fields",
    meta,
    Column("id", Integer, primary_key=True),
    Column("document_id", String, ForeignKey("documents.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("data", JSON, nullable=False),
    Column("by", String, nullable=False),
    Column("written_at", String, nullable=False),
)

findings = Table(
    "findings",
    meta,
    Column("id", Integer, primary_key=True),
    # subject: document, message, transaction, statement, account, source, posting
    Column("subject_kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("code", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("where", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("expected", Text),
    Column("actual", Text),
    Column("remedy", Text, nullable=False),
    Column("found_at", String, nullable=False),
    Column("closed_at", String),
    Column("closed_by", String),
    Index("findings_by_subject", "subject_kind", "subject"),
)

invoices = Table(
    "invoices",
    meta,
    Column("document_id", String, ForeignKey("documents.id"), primary_key=True),
    Column("number", String),
    Column("vendor_id", String, index=True),
    Column("issue_date", String),
    Column("received_on", String, nullable=False),
    Column("type_code", String),
    Column("currency", String),
    Column("gross_minor", BigInteger),
    Column("data", JSON, nullable=False),
    Column("match", JSON),
    # How later invoices remember this one; None where it leaves no trace.
    Column("earlier", JSON),
    Column("decision", String),
    Column("decided_at", String),
    Column("confidence", Float),
)

order_allocations = Table(
    "order_allocations",
    meta,
    Column("document_id", String, ForeignKey("invoices.document_id"), primary_key=True),
    Column("invoice_line", Integer, primary_key=True),
    Column("order_id", String, primary_key=True),
    Column("order_line", Integer, primary_key=True),
    Column("quantity", String, nullable=False),
    Column("amount", String, nullable=False),
    Index("order_allocations_by_order", "order_id", "order_line"),
)

records = Table(
    # Master data and open items as the office's systems know them, one row each.
    "records",
    meta,
    Column("kind", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("party", String),
    Column("data", Text, nullable=False),
    Column("source", String, nullable=False),
    Column("changed_at", String, nullable=False),
    Index("records_by_party", "kind", "party"),
)

record_stamps = Table(
    # When records of a kind were last written: new with every save, and never the same again.
    "record_stamps",
    meta,
    Column("kind", String, primary_key=True),
    Column("stamp", String, nullable=False),
)

statements = Table(
    "statements",
    meta,
    Column("id", String, primary_key=True),
    Column("document_id", String, nullable=False, index=True),
    Column("account", String, nullable=False, index=True),
    Column("currency", String),
    Column("kind", String, nullable=False),
    Column("number", String),
    Column("opening_minor", BigInteger),
    Column("closing_minor", BigInteger),
    Column("opening_date", String),
    Column("closing_date", String),
    Column("entry_count", Integer, nullable=False),
    # read -> accepted | stopped (broken balance or gap); information (camt.052/.054)
    Column("state", String, nullable=False),
    Column("read_at", String, nullable=False),
)

transactions = Table(
    "transactions",
    meta,
    # account + bank reference, else account + occurrence-counted fingerprint
    Column("id", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("bank_reference", String),
    Column("booking_date", String),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("data", Text, nullable=False),
    Column("statement_id", String, nullable=False),
    # waiting (account not proven) -> new -> posted | partly | suggested | open
    Column("state", String, nullable=False, index=True),
    Column("seen_at", String, nullable=False),
    Index("transactions_by_account", "account", "booking_date"),
)

notices = Table(
    # What camt.052, camt.054 and MT942 tell of batches: information, never movements.
    "notices",
    meta,
    Column("id", String, primary_key=True),
    Column("account", String, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    Index("notices_by_amount", "account", "amount_minor"),
)

statement_entries = Table(
    # Which statement held which transaction; overlapping files share them.
    "statement_entries",
    meta,
    Column("statement_id", String, primary_key=True),
    Column("transaction_id", String, primary_key=True),
    Index("statement_entries_by_transaction", "transaction_id"),
)

matches = Table(
    "matches",
    meta,
    Column("transaction_id", String, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("category", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("data", Text, nullable=False),
    Column("made_at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("undone_at", String),
)

allocations = Table(
    "allocations",
    meta,
    Column("transaction_id", String, primary_key=True),
    Column("item_id", String, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    # What the item is short by for good (discount, charge); signed like the cash.
    Column("writeoff_minor", BigInteger, nullable=False, default=0),
    Column("currency", String, nullable=False),
    Index("allocations_by_item", "item_id"),
)

payers = Table(
    # What posted payments proved of accounts, or names, that pay for a customer.
    "payers",
    meta,
    Column("transaction_id", String, primary_key=True),
    Column("party_id", String, primary_key=True),
    Column("account", String, nullable=False),
    # Only where the bank gives no account.
    Column("name", String, nullable=False),
    Column("at", String, nullable=False),
    Column("undone_at", String),
)
forbidden = Table(
    # Matches a person undid: never made again by a bot.
    "forbidden",
    meta,
    Column("transaction_id", String, primary_key=True),
    Column("item_id", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("by", String, nullable=False),
    Column("at", String, nullable=False),
)

postings = Table(
    # The outbox: written beside the decision, delivered afterwards, each key once.
    "postings",
    meta,
    Column("key", String, primary_key=True),
    Column("target", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("data", Text, nullable=False),
    Column("written_at", String, nullable=False),
    # waiting -> sending -> delivered | rejected | unclear
    Column("state", String, nullable=False),
    Column("delivered_at", String),
    Column("reference", Text),
    Column("error", Text),
    Index("postings_by_target", "target", "state"),
)

closings = Table(
    # Reconciliation sheets that somebody signed; signing again is a new revision.
    "closings",
    meta,
    Column("account", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("last_day", String, nullable=False),
    Column("per_bank_minor", BigInteger, nullable=False),
    Column("per_books_minor", BigInteger, nullable=False),
    Column("difference_minor", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("signed_by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("signed_at", String, nullable=False),
)

runs = Table(
    "runs",
    meta,
    Column("id", Integer, primary_key=True),
    Column("bot", String, nullable=False),
    Column("started_at", String, nullable=False),
    Column("ended_at", String),
    Column("outcome", String),
    Column("note", Text, nullable=False, default=""),
)

approvals = Table(
    # Who released what; one person may not do two of the four eyes' steps.
    "approvals",
    meta,
    Column("document_id", String, ForeignKey("documents.id"), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("person", String, primary_key=True),
    # The blocking Findings the person saw and released, as `app.approvals` seals them.
    Column("codes", JSON, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", String, nullable=False),
)

vendor_changes = Table(
    # Bank details changed by people: entered by one, entered again by a second.
    # A vendor adopted from an invoice's prepared record stands here without an account.
    "vendor_changes",
    meta,
    Column("id", Integer, primary_key=True),
    Column("vendor_id", String, nullable=False, index=True),
    Column("iban", String, nullable=False),
    # proposed -> confirmed -> shown (by the office's own system); or replaced by a later one;
    # adopted: the vendor was put on file
    Column("state", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposed_by", String, nullable=False),
    Column("proposed_at", String, nullable=False),
    Column("confirmed_by", String),
    Column("confirmed_at", String),
    Column("confirmed_reason", Text),
)

vat_checks = Table(
    # What VIES said of a VAT id when it was last asked; unknown where it gave no answer.
    "vat_checks",
    meta,
    Column("vat_id", String, primary_key=True),
    Column("is_valid", Boolean),
    Column("name", Text),
    Column("asked_at", String, nullable=False),
)

payment_proposals = Table(
    # What to pay, from proposal to file; see app.actions.payables.
    "payment_proposals",
    meta,
    Column("id", String, primary_key=True),
    # proposed -> released -> written; or withdrawn
    Column("state", String, nullable=False, index=True),
    Column("until", String, nullable=False),
    Column("data", Text, nullable=False),
    Column("proposed_by", String, nullable=False),
    Column("proposed_at", String, nullable=False),
    # The first of two persons where a bot proposed.
    Column("checked_by", String),
    Column("released_by", String),
    Column("released_at", String),
)

payment_files = Table(
    # The bytes of each released run, one file per own account.
    "payment_files",
    meta,
    Column("run_id", String, primary_key=True),
    Column("proposal_id", String, ForeignKey("payment_proposals.id"), nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("content", Text, nullable=False),
)

layouts = Table(
    # What corrections taught, per vendor and layout.
    "layouts",
    meta,
    Column("key", String, primary_key=True),
    Column("data", Text, nullable=False),
    Column("hits", Integer, nullable=False, default=0),
    Column("misses", Integer, nullable=False, default=0),
    Column("changed_at", String, nullable=False),
)

audit = Table(
    "audit",
    meta,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False, index=True),
    Column("evidence", Text, nullable=False),
    Column("configuration", String, nullable=False),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
    UniqueConstraint("previous"),
)

audit_head = Table(
    # One row: the lock that keeps the chain single, and its newest link.
    "audit_head",
    meta,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String, nullable=False),
)

#: What makes the audit table append-only, per database.
_APPEND_ONLY = {
    "sqlite": (
        "CREATE TRIGGER audit_keeps_rows BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
        "CREATE TRIGGER audit_keeps_all BEFORE DELETE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger AS $$ "
        "BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER audit_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()",
    ),
}


@event.listens_for(audit, "after_create")
def _make_append_only(_table: Table, connection: Connection, **_: object) -> None:
    for statement in _APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)
