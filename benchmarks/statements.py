"""How fast and how lean bank files are read: ours against raw parsers, in one run.

    python -m benchmarks.statements [--megabytes 8] [--rounds 5] [--own FILE…]

Writes a seeded camt.053, MT940 and OFX file of that size to a temporary
folder, then reads each with our reader (all fields into our records) and with
its peers in turn, round by round, so that a busy machine slows both alike.
Peers: raw expat and lxml collecting the same texts (camt), mt-940, ofxtools;
one that is not installed is named and left out. CPU seconds of the best round
count. Memory is the growth of a fresh process over the whole file. `--own`
measures our readers on files of yours as well.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from xml.parsers import expat

from connectors.banks import read
from records.documents import Document

NAMES = ("Ostsee Werft GmbH", "Bäckerei Krön", "Van Dijk Logistiek B.V.", "Società Alfa S.r.l.")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--own", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        size = int(given.megabytes * 1_000_000)
        print(f"{'file':10} {'reader':22} {'MB/s':>7} {'ours is':>9} {'grows by':>9}")
        for name, write, peers in (
            ("camt.053", write_camt, {"raw expat": raw_expat, "lxml iterparse": lxml_iterparse}),
            ("MT940", write_mt940, {"mt-940": mt_940}),
            ("OFX", write_ofx, {"ofxtools": ofx_tools}),
        ):
            path = Path(folder) / name
            write(path, size)
            compare(name, path, peers, given.rounds)
        for path in given.own:
            compare(path.name, path, {}, given.rounds)


def compare(name: str, path: Path, peers: dict[str, Callable[[Path], int]], rounds: int) -> None:
    """Time ours and the peers alternately on one file; print a line each."""
    readers: dict[str, Callable[[Path], int]] = {"nightclerk": ours}
    for label, peer in peers.items():
        try:
            __import__(IMPORTS.get(label, "sys"))
        except ImportError:
            print(f"{name:10} {label:22} is not installed; left out")
        else:
            readers[label] = peer
    best = dict.fromkeys(readers, float("inf"))
    for _ in range(rounds):
        for label, reader in readers.items():
            began = time.process_time()
            reader(path)
            best[label] = min(best[label], time.process_time() - began)
    megabytes = path.stat().st_size / 1e6
    for label, seconds in best.items():
        ratio = "" if label == "nightclerk" else f"x {seconds / best['nightclerk']:.2f}"
        grown = f"{growth(path):.0f} MB" if label == "nightclerk" else ""
        print(f"{name:10} {label:22} {megabytes / seconds:7.1f} {ratio:>9} {grown:>9}")


def document(path: Path) -> Document:
    """Wrap a file."""
    return Document(id=path.name, media_type="", path=path, name=path.name)


def ours(path: Path) -> int:
    """Read with our reader; return how many records came."""
    return sum(1 for _ in read(document(path)))


def growth(path: Path) -> float:
    """Return by how many MB a fresh process grows while it reads the file (Linux)."""
    code = (
        "import sys; from pathlib import Path; from benchmarks.statements import ours, peak;"
        "before = peak(); ours(Path(sys.argv[1])); print(peak() - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def peak() -> float:
    """Return the largest resident size of this process so far, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


# -- peers

IMPORTS = {"lxml iterparse": "lxml", "mt-940": "mt940", "ofxtools": "ofxtools"}


def raw_expat(path: Path) -> int:
    """Collect every text of every entry by its path, in a plain dictionary."""
    entries = 0
    stack: list[str] = []
    fields: dict[str, str] = {}
    texts: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        stack.append(name)
        texts.clear()
        if attributes:
            fields[name + "/@"] = next(iter(attributes.values()))

    def end(name: str) -> None:
        nonlocal entries
        stack.pop()
        if texts:
            fields[f"{stack[-1] if stack else ''}/{name}"] = texts[0]
            texts.clear()
        if name == "Ntry":
            entries += 1
            fields.clear()

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = texts.append
    with path.open("rb") as file:
        parser.ParseFile(file)
    return entries


def lxml_iterparse(path: Path) -> int:
    """Collect the same with lxml, entry by entry."""
    from lxml import etree

    entries = 0
    for _, entry in etree.iterparse(path, events=("end",), tag="{*}Ntry"):
        fields = {e.tag: e.text for e in entry.iter() if e.text}
        entries += bool(fields)
        entry.clear()
        while entry.getprevious() is not None:
            del entry.getparent()[0]
    return entries


def mt_940(path: Path) -> int:
    """Read with mt-940."""
    import mt940

    return len(mt940.parse(str(path)))


def ofx_tools(path: Path) -> int:
    """Read with ofxtools, to its own objects."""
    from ofxtools.Parser import OFXTree

    tree = OFXTree()
    with path.open("rb") as file:
        tree.parse(file)
    return len(tree.convert().statements[0].transactions)


# -- files


def amounts(seed: str) -> Callable[[], Decimal]:
    """Return a source of seeded amounts, one in three going out."""
    source = random.Random(seed)
    return lambda: (
        Decimal(source.randint(100, 9_999_999)) / (-100 if source.random() < 1 / 3 else 100)
    )


def write_camt(path: Path, size: int) -> None:
    """Write a camt.053.001.08 as banks do: a party, an account and a text per entry."""
    draw = amounts("camt")
    total = Decimal(0)
    with path.open("w", encoding="utf-8") as file:
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:'
            'camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>1</MsgId></GrpHdr><Stmt><Id>1</Id><Acct>'
            "<Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        )
        file.write(camt_balance("OPBD", Decimal(0)))
        number = 0
        entries: list[str] = []
        written = 0
        while written < size:
            number += 1
            amount = draw()
            total += amount
            party, side = ("Dbtr", "CRDT") if amount > 0 else ("Cdtr", "DBIT")
            money = f'<Amt Ccy="EUR">{abs(amount)}</Amt><CdtDbtInd>{side}</CdtDbtInd>'
            text = (
                f"<Ntry>{money}<Sts><Cd>BOOK</Cd></Sts>"
                f"<BookgDt><Dt>2026-03-{number % 28 + 1:02}</Dt></BookgDt>"
                f"<ValDt><Dt>2026-03-{number % 28 + 1:02}</Dt></ValDt>"
                f"<AcctSvcrRef>S{number:09}</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly>"
                "<Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
                f"<Refs><EndToEndId>E2E-{number}</EndToEndId></Refs>{money}<RltdPties>"
                f"<{party}><Pty><Nm>{NAMES[number % 4]}</Nm></Pty></{party}><{party}Acct><Id>"
                f"<IBAN>NL91ABNA0417164300</IBAN></Id></{party}Acct></RltdPties><RmtInf>"
                f"<Ustrd>Invoice {number} of March, customer {number % 997}</Ustrd></RmtInf>"
                "</TxDtls></NtryDtls></Ntry>\n"
            )
            entries.append(text)
            written += len(text)
        file.write(camt_balance("CLBD", total))
        file.writelines(entries)
        file.write("</Stmt></BkToCstmrStmt></Document>")


def camt_balance(code: str, amount: Decimal) -> str:
    """Return one Bal."""
    side = "DBIT" if amount < 0 else "CRDT"
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='EUR'>{abs(amount)}</Amt>"
        f"<CdtDbtInd>{side}</CdtDbtInd><Dt><Dt>2026-03-31</Dt></Dt></Bal>\n"
    )


def write_mt940(path: Path, size: int) -> None:
    """Write MT940 statements of 500 entries with German subfields, 65 characters a line."""
    draw = amounts("mt940")
    balance = Decimal(0)
    with path.open("w", encoding="utf-8", newline="\r\n") as file:
        written = number = 0
        while written < size:
            lines = [":20:STARTUMS", ":25:DE02120300000000202051", f":28C:{number // 500 + 1}/1"]
            lines.append(f":60F:{mt_balance(balance)}")
            for _ in range(500):
                number += 1
                amount = draw()
                balance += amount
                side = "CR" if amount > 0 else "DR"
                digits = str(abs(amount)).replace(".", ",")
                lines.append(
                    f":61:2603{number % 28 + 1:02}03{number % 28 + 1:02}{side}{digits}NTRFNONREF//S{number:09}"
                )
                purpose = (
                    f"EREF+E2E-{number} SVWZ+Invoice {number} of March, customer {number % 997}"
                )
                chunks = [purpose[i : i + 27] for i in range(0, len(purpose), 27)]
                details = f"{166 if amount > 0 else 116}?00SEPA?109300"
                details += "".join(f"?{20 + i}{chunk}" for i, chunk in enumerate(chunks))
                details += f"?31NL91ABNA0417164300?32{NAMES[number % 4]}"
                tagged = ":86:" + details
                lines += [tagged[i : i + 65] for i in range(0, len(tagged), 65)]
            lines += [f":62F:{mt_balance(balance)}", "-", ""]
            text = "\n".join(lines)
            file.write(text)
            written += len(text)


def mt_balance(amount: Decimal) -> str:
    """Return the value of a :60F: or :62F:."""
    return f"{'D' if amount < 0 else 'C'}260331EUR{str(abs(amount)).replace('.', ',')}"


def write_ofx(path: Path, size: int) -> None:
    """Write an OFX 1 file, leaf elements not closed."""
    draw = amounts("ofx")
    total = Decimal(0)
    with path.open("w", encoding="cp1252") as file:
        file.write(
            "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\n"
            "CHARSET:1252\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX><SIGNONMSGSRSV1>"
            "<SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260331<LANGUAGE>ENG</SONRS>"
            "</SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS>"
            "<STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>202051<ACCTTYPE>CHECKING"
            "</BANKACCTFROM><BANKTRANLIST><DTSTART>20260301<DTEND>20260331\n"
        )
        written = number = 0
        while written < size:
            number += 1
            amount = draw()
            total += amount
            text = (
                f"<STMTTRN>\n<TRNTYPE>{'CREDIT' if amount > 0 else 'DEBIT'}\n"
                f"<DTPOSTED>202603{number % 28 + 1:02}120000[-5:EST]\n<TRNAMT>{amount}\n<FITID>S{number:09}\n"
                f"<NAME>{NAMES[number % 3]}\n<MEMO>Invoice {number} &amp; customer {number % 997}\n</STMTTRN>\n"
            )
            file.write(text)
            written += len(text)
        file.write(
            f"</BANKTRANLIST><LEDGERBAL><BALAMT>{total}<DTASOF>20260331</LEDGERBAL></STMTRS>"
            "</STMTTRNRS></BANKMSGSRSV1></OFX>\n"
        )


if __name__ == "__main__":
    main()
