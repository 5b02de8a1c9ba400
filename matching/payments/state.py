"""State: the ledger, the lines and what has been decided so far in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from matching.payments.books import IdentifiedTransaction
from matching.payments.contradictions import objection
from matching.payments.evidence import confidence, decide
from matching.payments.ledger import PAYABLE, RECEIVABLE, Item, Ledger
from matching.payments.lines import Line
from matching.payments.names import NameKey
from matching.payments.policy import PaymentPolicy
from matching.payments.proposals import Proposal, Rival
from matching.payments.references import SPECIFIC_LENGTH, joined
from matching.payments.text import compact, fold
from matching.payments.timing import Timing
from matching.payments.wording import INSTALMENT
from records.matches import Decision

#: Party evidence: account on file, learned account, name in three grades; a name
#: learned from payments without an account weighs like one without its legal form.
ON_FILE, LEARNED, KNOWN_NAME = 5, 4, 2
_ROUNDS = 5


class State:
    """Everything the passes share. Lines are in order of day and id.

    The parts of batches are lines too. They rest while their entry is asked as
    a whole, and the entry rests from when they are asked.
    """

    def __init__(
        self, transactions: Iterable[IdentifiedTransaction], ledger: Ledger, policy: PaymentPolicy
    ) -> None:
        """Prepare the lines."""
        self.ledger = ledger
        self.policy = policy
        self.books = books = ledger.books
        whole = [Line(i, t) for i, t in transactions]
        every = [*whole, *(part for line in whole for part in line.parts)]
        self.lines = sorted(every, key=lambda x: (x.day, x.id, x.part))
        for index, line in enumerate(self.lines):
            line.index = index
        self.resting = {line.index for line in self.lines if line.part}
        self.taken: list[Proposal | None] = [None] * len(self.lines)
        self.suggested: dict[int, Proposal] = {}
        self._payments: dict[int, tuple[Proposal, ...]] = {}
        self.own_ibans = {compact(a.iban): a for a in books.own_accounts if a.iban}
        self._given: dict[str, dict[int, int]] = {}
        for iban, party_id in books.known_payers:
            party = self.ledger.customer(party_id)
            if party is not None:
                self._given.setdefault(compact(iban), {})[party] = 1
        self._aliases: dict[str, set[int]] = {}
        for name, party_id in books.known_names:
            party = self.ledger.customer(party_id)
            if party is not None:
                self._aliases.setdefault(NameKey(name).full, set()).add(party)
        self._parties: dict[tuple[str, str], dict[int, int]] = {}
        self._candidates: dict[tuple[str, str], dict[int, int]] = {}
        self.learned: dict[str, dict[int, int]] = {}
        self.currencies = {i.currency for i in self.ledger.items}
        #: for what is plausible only: no amount is ever converted
        self.rates = {
            (r.currency, r.date.toordinal()): float(r.eur_per_unit) for r in books.fx_rates
        }
        self.timing = Timing(())
        self.own_names = {fold(x.name) for x in self.lines if x.iban in self.own_ibans and x.name}
        #: per payer's account: announced instalments that name nothing
        self.instalments: dict[str, list[Line]] = {}
        for line in self.lines:
            self._look_up(line)
            if line.amount > 0 and line.iban and not line.hits and INSTALMENT.search(line.text):
                self.instalments.setdefault(line.iban, []).append(line)

    # -- evidence of single lines

    def _look_up(self, line: Line) -> None:
        """Find the references the text contains whole, and who the other party may be."""
        found: dict[int, int] = {}
        orders: dict[int, None] = {}
        by_reference = self.ledger.by_reference
        for text in joined(line.pieces):
            length = len(text)
            if length < 3 or text.isalpha():
                continue
            for index in by_reference.get(text):
                if index < 0:
                    orders[~index] = None
                elif found.get(index, 0) < length:
                    found[index] = length
        if line.end_to_end:
            for index in by_reference.get(line.end_to_end):
                if index >= 0:
                    found.setdefault(index, len(line.end_to_end))
        line.hits = tuple(found.items())
        line.order_hits = tuple(orders)
        line.parties = self.parties_of(line.iban, line.name)

    def find_glued(self) -> None:
        """Find references that a bank glued together, in the lines that are still open.

        Only numbers of the counterparty's own open items are looked for.
        """
        items = self.ledger.items
        for line in self.open_lines():
            pieces = line.pieces
            if not any(len(p) > SPECIFIC_LENGTH and not p.isalpha() for p in pieces):
                continue
            text = "".join(pieces)
            known = {i for i, _ in line.hits}
            own = [
                index
                for party in self.candidates(line)
                for index in self.ledger.by_party.get(party, ())
                if len(items[index].number) >= SPECIFIC_LENGTH and items[index].number in text
            ]
            line.hits += tuple((i, len(items[i].number)) for i in own if i not in known)

    def parties_of(self, iban: str, name: str) -> dict[int, int]:
        """Return the parties a counterparty may be, with the strength of the evidence."""
        known = self._parties.get((iban, name))
        if known is not None:
            return known
        result: dict[int, int] = {}
        if name:
            for index in (self.ledger.receivable_names, self.ledger.payable_names):
                parties, grade = index.find(name)
                for party in sorted(parties):
                    result[party] = grade
            aliases = self._aliases.get(NameKey(name).full, ()) if self._aliases else ()
            if len(aliases) == 1 and not iban:
                result.setdefault(min(aliases), KNOWN_NAME)
        if iban:
            for party in self.ledger.party_ibans.get(iban, ()):
                result[party] = ON_FILE
        self._parties[iban, name] = result
        return result

    def candidates(self, line: Line) -> dict[int, int]:
        """Return the candidate parties of both sides for a line."""
        found = self._candidates.get((line.iban, line.name))
        if found is None:
            found = self.known_parties(line, RECEIVABLE)
            found.update(self.known_parties(line, PAYABLE))
            self._candidates[line.iban, line.name] = found
        return found

    def known_parties(self, line: Line, side: int) -> dict[int, int]:
        """Return the candidate parties of one side; learned accounts included.

        Payables are paid to accounts on file only: a name is no proof there.
        """
        sides = self.ledger.party_sides
        result = {p: g for p, g in line.parties.items() if sides[p] == side}
        if side == RECEIVABLE:
            for party in self.learned.get(line.iban, ()):
                if sides[party] == side:
                    result[party] = max(result.get(party, 0), LEARNED)
        return result

    def learn(self, line: Line, items: Iterable[Item]) -> None:
        """Remember that this account pays for these parties."""
        if line.iban and line.iban not in self.own_ibans:
            seen = self.learned.setdefault(line.iban, {})
            for party in {i.party for i in items}:
                seen[party] = seen.get(party, 0) + 1

    def learn_all(self) -> None:
        """Learn accounts and payment habits from everything decided so far."""
        self.learned = {iban: dict(parties) for iban, parties in self._given.items()}
        self._candidates.clear()
        self.ledger.forget_settled()
        items = self.ledger.items
        for proposal in self.taken:
            if proposal is not None and proposal.parts and proposal.category == "settlement":
                line = self.lines[proposal.line]
                if line.amount > 0:
                    self.learn(line, (items[p.item] for p in proposal.parts))
        self.timing = Timing(
            (items[p.item], self.lines[t.line].day)
            for t in self.taken
            if t is not None and t.category == "settlement"
            for p in t.parts
        )

    def names_settled(self, line: Line) -> bool:
        """Say whether the text names a settled item of the counterparty, of this very amount.

        Then it is a repetition, whatever else the amount would fit.
        """
        parties = self.candidates(line)
        for index, length in line.hits:
            item = self.ledger.items[index]
            if length < 5 or item.left or item.party not in parties:
                continue
            if line.amount in (item.gross, item.gross - item.discount) or any(
                cash == line.amount for _, cash, _ in self.payments_of(index)
            ):
                return True
        return False

    def side_of(self, line: Line) -> int:
        """Return the side a line of this direction usually settles."""
        return RECEIVABLE if line.amount > 0 else PAYABLE

    def rate(self, currency: str, day: int) -> float | None:
        """Return EUR per unit on that day or up to a week before."""
        if currency == "EUR":
            return 1.0
        for back in range(8):
            found = self.rates.get((currency, day - back))
            if found is not None:
                return found
        return None

    # -- deciding

    def open_lines(self) -> list[Line]:
        """Return the lines nobody has explained yet."""
        taken, resting = self.taken, self.resting
        return [x for x in self.lines if taken[x.index] is None and x.index not in resting]

    def take_apart(self) -> bool:
        """Ask from now on the parts of every batch that nothing explains whole; say if any."""
        batches = [line for line in self.open_lines() if line.parts]
        for line in batches:
            self.resting.add(line.index)
            self.resting.difference_update(part.index for part in line.parts)
            self.suggested.pop(line.index, None)
        return bool(batches)

    def fits(self, proposal: Proposal) -> bool:
        """Say whether the items still have room for it and nobody has forbidden it."""
        items = self.ledger.items
        forbidden = self.books.forbidden
        line = self.lines[proposal.line]
        for part in proposal.parts:
            item = items[part.item]
            if forbidden and (line.id, item.id) in forbidden:
                return False
            if item.unlimited:
                continue
            after = item.left - part.take
            if (item.gross > 0 and not 0 <= after <= item.gross) or (
                item.gross < 0 and not item.gross <= after <= 0
            ):
                return False
        return True

    def may_post(self, proposal: Proposal) -> bool:
        """Say whether a proposal is sure enough; what speaks against it makes it a suggestion."""
        if decide(proposal, self.policy) is not Decision.POST:
            return False
        line = self.lines[proposal.line]
        against = objection(self.ledger, self.candidates(line), line, proposal)
        if against:
            proposal.doubt = 1.0
            proposal.reasons = (*proposal.reasons, against)
        return not against

    def take(self, proposal: Proposal) -> None:
        """Believe a proposal: settle its items."""
        self.taken[proposal.line] = proposal
        self.suggested.pop(proposal.line, None)
        for part in proposal.parts:
            self.ledger.settle(part.item, part.take)
            before = self._payments.get(part.item, ())
            if not before or before[-1] is not proposal:
                self._payments[part.item] = (*before, proposal)

    def payments_of(self, item: int) -> Iterator[tuple[int, int, int]]:
        """Yield what was taken for an item so far: line, cash, and what it settles."""
        for proposal in self._payments.get(item, ()):
            for part in proposal.parts:
                if part.item == item:
                    yield proposal.line, part.cash, part.take

    def may_be_returned(self, item: int) -> bool:
        """Say whether a line is likely, not surely, the return of a payment of an item."""
        return any(
            part.item == item
            for proposal in self.suggested.values()
            if proposal.category in ("return", "chargeback")
            for part in proposal.parts
        )

    def suggest(self, proposal: Proposal) -> None:
        """Keep the surest explanation that is not sure enough; it takes nothing from others."""
        known = self.suggested.get(proposal.line)
        if known is None or confidence(proposal) > confidence(known):
            self.suggested[proposal.line] = proposal

    def keep_suggestions(self) -> None:
        """Settle which suggestions still stand, surest first; the others keep their kind only."""
        waiting = sorted(self.suggested.values(), key=lambda p: (-confidence(p), p.line))
        for proposal in waiting:
            if not self.fits(proposal):
                proposal.rivals = (
                    Rival(tuple(p.item for p in proposal.parts), "taken by a surer match"),
                )
                proposal.parts = proposal.sides = proposal.reasons = ()
            self.take(proposal)

    def run(
        self, propose: Callable[[State, Line], Proposal | None], *, settling: bool = False
    ) -> None:
        """Ask for proposals on all open lines, take the best of each conflict, and repeat.

        A line that loses an item to a better claim is asked again. When
        `settling`, all open lines are asked again: one that had two
        possibilities may have one left once others are served.
        """
        asked = self.open_lines()
        for _ in range(_ROUNDS):
            proposals = []
            for line in asked:
                proposal = propose(self, line)
                if proposal is not None:
                    proposals.append(proposal)
            proposals.sort(key=lambda p: (-p.rank, p.line))
            losers = []
            taken = False
            for proposal in proposals:
                if not self.fits(proposal):
                    losers.append(self.lines[proposal.line])
                elif self.may_post(proposal):
                    self.take(proposal)
                    taken = True
                else:
                    self.suggest(proposal)
            if not taken:
                return
            asked = self.open_lines() if settling else losers


def is_specific(length: int) -> bool:
    """Say whether a reference of this length means one invoice, whoever pays."""
    return length >= SPECIFIC_LENGTH
