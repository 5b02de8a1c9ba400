"""The configuration: every fault at once, with its line and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sections import described
from app.settings import examine, load
from records.failures import ConfigurationFault
from records.secrets import Secret

CASES = {
    "unknown section": ("databse: x\n", 1, "Did you mean database?"),
    "unknown key": ("company:\n  nam: Nord\n", 2, "Did you mean name?"),
    "bad zone": ("company:\n  timezone: Berlin\n", 2, "no IANA time zone"),
    "bad database": ("database: mysql://x\n", 1, "sqlite:///FILE or postgresql://"),
    "no such connector": ("mail:\n  - {name: a, use: imapp}\n", 2, "Did you mean imap?"),
    "missing key": ("mail:\n  - name: a\n    use: folder\n", 2, "path is missing"),
    "connector's own key": (
        "mail:\n  - name: a\n    use: folder\n    path: .\n    patern: x\n",
        5,
        "Did you mean pattern?",
    ),
    "absent secret": (
        "mail:\n  - name: a\n    use: imap\n    host: h\n    user: u\n    password: {env: NO_SUCH}\n",
        6,
        "NO_SUCH is not set",
    ),
    "secret file": (
        "mail:\n  - name: a\n    use: imap\n    host: h\n    user: u\n    password: {file: gone}\n",
        6,
        "Create it",
    ),
    "dangling name": ("bots:\n  invoices:\n    mail: [inbox]\n    post_to: books\n", 3, "no mail"),
    "no such bot": ("bots:\n  invoice: {}\n", 2, "Did you mean invoices?"),
    "schedule of nobody": ("schedules:\n  - {bot: x, cron: '* * * * *'}\n", 2, "no bot 'x'"),
    "cron": (
        "bots: {records: {sources: []}}\nschedules:\n  - {bot: records, cron: '99 * * * *'}\n",
        3,
        "minute",
    ),
    "calendar": (
        "bots: {records: {sources: []}}\nschedules:\n  - {bot: records, cron: '0 5 * * *', calendar: MARS}\n",
        3,
        "MARS",
    ),
    "budget": ("payments: {tolerated_false_rate: 5}\n", 1, "tolerated_false_rate"),
    "wrong type": ("limits: {seconds: soon}\n", 1, "seconds"),
    "not a list": ("mail: inbox\n", 1, "must be a list"),
    "not yaml": ("a: [1\n", 2, "is not YAML"),
    "not a mapping": ("- a\n", 1, "must be a mapping"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_fault_names_line_and_remedy(tmp_path: Path, name: str) -> None:
    text, line, words = CASES[name]
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    _, faults = examine(path)
    assert any(f.line == line and words in str(f) for f in faults), [str(f) for f in faults]


def test_all_faults_are_told_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: 1\ncompany: {b: 2}\nlimits:\n  c: 3\n", encoding="utf-8")
    with pytest.raises(ConfigurationFault) as caught:
        load(path)
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == [f"config.yaml:{n}" for n in (1, 2, 4)]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    _, faults = examine(tmp_path / "none.yaml")
    assert "give --config PATH" in str(faults[0])


def test_secrets_are_resolved_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INBOX", "hunter2")
    path = tmp_path / "config.yaml"
    path.write_text(
        "mail:\n  - {name: a, use: imap, host: h, user: u, password: {env: INBOX}}\n",
        encoding="utf-8",
    )
    settings = load(path)
    assert settings.plugin("mail", "a").settings.password == Secret("hunter2")
    assert "hunter2" not in repr(settings)


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("files: kept\ndatabase: sqlite:///a/b.db\n", encoding="utf-8")
    settings = load(path)
    assert settings.files == tmp_path / "kept"
    assert settings.database == f"sqlite:///{tmp_path}/a/b.db"


def test_the_example_is_valid_and_every_setting_is_described() -> None:
    load(Path(__file__).resolve().parents[2] / "config.yaml")
    assert [key for key, _, text in described() if not text] == []
