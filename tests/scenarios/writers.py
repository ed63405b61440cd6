"""Who wrote what into the database: a trigger on each table notes the connection's node, and who led then."""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.scenarios.team import Team

#: A node writes its own row without leading, and the lease has rules of its own.
_INSTALL: Final = """
    CREATE SCHEMA audit;
    CREATE TABLE audit.writes (
        writer text, leader text, epoch bigint, tab text, what text,
        at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO audit.writes SELECT current_setting('application_name'), node, epoch, TG_TABLE_NAME, TG_OP
            FROM tgbot.lease;
        RETURN NULL;
    END $$;
    DO $$
    DECLARE
        tab name;
    BEGIN
        FOR tab IN SELECT tablename FROM pg_tables WHERE schemaname = 'tgbot' LOOP
            IF tab NOT IN ('lease', 'nodes') THEN
                EXECUTE format('CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE '
                    'ON tgbot.%I FOR EACH STATEMENT EXECUTE FUNCTION audit.note()', tab);
            END IF;
        END LOOP;
    END $$"""


class Write(NamedTuple):
    """Statements that were committed: who made them, and who led meanwhile."""

    writer: str
    leader: str
    epoch: int
    table: str
    statements: int


def watch_writers(team: Team) -> None:
    """Note from now on who writes; the tables are there."""
    team.rows(_INSTALL)


def strangers(team: Team) -> list[Write]:
    """Return what a node wrote that did not lead; "nobody led" is a stranger, too."""
    return [
        Write(*row)
        for row in team.rows(
            "SELECT writer, leader, epoch, tab, count(*) FROM audit.writes WHERE writer <> leader "
            "GROUP BY writer, leader, epoch, tab ORDER BY epoch"
        )
    ]


def disorder(team: Team) -> list[tuple[int, int]]:
    """Return epochs that were written in after a later one, each with that later one."""
    return [
        (epoch, before)
        for epoch, before in team.rows(
            "SELECT DISTINCT epoch, before FROM ("
            "SELECT epoch, max(epoch) OVER (ORDER BY at, epoch) AS before FROM audit.writes"
            ") AS found WHERE before > epoch"
        )
    ]


def written(team: Team) -> dict[int, int]:
    """Return each epoch → how many statements were committed in it."""
    return dict(team.rows("SELECT epoch, count(*) FROM audit.writes GROUP BY epoch ORDER BY epoch"))
