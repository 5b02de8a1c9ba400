"""Lines that settle no item: own transfers, fees, interest, taxes."""

from __future__ import annotations

from matching.payments.ledger import PAYABLE
from matching.payments.lines import Line
from matching.payments.proposals import Proposal
from matching.payments.state import ON_FILE, State
from matching.payments.text import compact, fold
from matching.payments.wording import (
    BATCH,
    FEE,
    INTEREST,
    ON_ACCOUNT,
    PREPAYMENT,
    REFUND,
    TAX_NAME,
    TAX_TEXT,
    TRANSFER,
)


def without_item(state: State, line: Line) -> Proposal | None:
    """Explain a line by what kind of movement it is; a batch says so payment by payment."""
    if line.parts:
        return None
    if line.iban in state.own_ibans and line.iban:
        return _plain(line, "transfer", "the other account is our own")
    anonymous = not line.name and not line.iban
    code = line.code.removesuffix("-B")
    if code.endswith("-INTR") or (anonymous and INTEREST.search(line.text)):
        return _plain(line, "interest", "interest of the bank")
    if code.startswith("ACMT") and code.endswith(("CHRG", "COMM", "FEES")):
        return _plain(line, "fee", "a fee of the bank")
    if anonymous and line.amount < 0 and FEE.search(line.text):
        return _plain(line, "fee", "a fee of the bank")
    if line.amount < 0 and not line.hits:
        name = fold(line.name)
        if TAX_NAME.search(name) and (TAX_TEXT.search(line.text) or not line.text):
            return _plain(line, "tax", "paid to a tax office or social insurance")
    return None


def pair_transfers(state: State) -> dict[int, int]:
    """Pair both legs of transfers between own accounts: opposite amounts, nearest days."""
    waiting: dict[tuple[str, str, int], list[Line]] = {}
    pairs: dict[int, int] = {}
    for proposal in state.taken:
        if proposal is None or proposal.category != "transfer":
            continue
        line = state.lines[proposal.line]
        if line.iban not in state.own_ibans:
            continue
        own = state.own_ibans[line.iban]
        key = (compact(own.iban), line.account, -line.amount)
        others = waiting.get(key, [])
        close = [o for o in others if abs(o.day - line.day) <= state.policy.transfer_days]
        if close:
            other = min(close, key=lambda o: abs(o.day - line.day))
            others.remove(other)
            pairs[line.index], pairs[other.index] = other.index, line.index
        else:
            waiting.setdefault((line.account, line.iban, line.amount), []).append(line)
    return pairs


def looks_like_transfer(state: State, line: Line) -> Proposal | None:
    """Explain a line without the other account by the words for an own transfer."""
    own_names = state.own_names
    if own_names and fold(line.name) in own_names and TRANSFER.search(line.text):
        return _plain(line, "transfer", "our own name and the words of a transfer")
    return None


def kind_only(state: State, line: Line) -> Proposal | None:
    """Say what kind of movement a line is that nothing in the books explains.

    Nothing is posted on this; it tells the person where to look.
    """
    proposal = None
    on_file = max(line.parties.values(), default=0) >= ON_FILE or line.iban in state.learned
    if not line.name and (line.code.endswith("-B") or BATCH.search(line.text)):
        proposal = _plain(line, "settlement", "a batch that fits no payment run on file")
    elif line.amount > 0 and REFUND.search(line.text) and state.known_parties(line, PAYABLE):
        proposal = _plain(line, "refund", "a vendor pays back")
    elif ON_ACCOUNT.search(line.text) or PREPAYMENT.search(line.text):
        return None
    elif on_file:
        proposal = _plain(line, "settlement", "a known party, but no open items that fit")
    if proposal is not None:
        proposal.rule = "kind"
    return proposal


def _plain(line: Line, category: str, reason: str) -> Proposal:
    return Proposal(line=line.index, category=category, rule=category, reasons=(reason,), rank=80)
