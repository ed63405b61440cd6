"""The judge: what of TDLib's log is a complaint about the sandbox."""

from __future__ import annotations

from pathlib import Path

from tests.clients.judge import findings

LOG = """\
[ 2][t 1][1795816058.338227987][TdDb.cpp:433][#1][!Run]\tSet PRAGMA user_version = 14
[ 2][t 4][1795816058.363971233][Session.cpp:267][#1][!SessionProxy]\tGenerate new session_id 8316 for DC1
[ 1][t 4][1795816058.544060945][ConfigManager.cpp:1187][#1][!Config][&config]\tWrong is_test
[ 2][t 4][1795816058.667450904][NetQuery.cpp:117][#1][!Session:2:main]\tReceive INPUT for query 12345678
[ 2][t 4][1795816059.667450904][NetQuery.cpp:117][#1][!Session:2:main]\tReceive INPUT for query 87654321
00000000 1234abcd
"""


def test_errors_and_warnings_about_what_was_sent_are_told_once_and_counted(tmp_path: Path) -> None:
    (tmp_path / "person").mkdir()
    (tmp_path / "person/tdlib.log").write_text(LOG)
    assert findings(tmp_path) == [
        "ERROR ConfigManager.cpp: Wrong is_test",
        "WARNING NetQuery.cpp: Receive INPUT for query N (2×)",
    ]


def test_without_a_log_nothing_is_told(tmp_path: Path) -> None:
    assert findings(tmp_path) == []
