-- Everything that a bot keeps. A database belongs to one bot.
CREATE SCHEMA tgbot;

-- Notes by name: counts, permissions that end by themselves ("passing/…"), and those of the program's parts.
-- Names are compared by bytes, so that all notes with a beginning are a range of the key.
CREATE TABLE tgbot.meta (key text COLLATE "C" PRIMARY KEY, value text NOT NULL);

-- Who may write: one row. A takeover and every write are ordered by the lock on it.
CREATE TABLE tgbot.lease (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    node text NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL DEFAULT '-infinity',
    -- The node that the leader hands over to; nobody else takes the lease until it is old.
    heir text NOT NULL DEFAULT '',
    -- The node that led before and had not released the lease; "" where it had.
    taken_from text NOT NULL DEFAULT '');
INSERT INTO tgbot.lease DEFAULT VALUES;

-- Refuse the transaction of a node that lost the lease. Called last in each transaction that writes: the row
-- is locked from here to its commit, so no other node becomes the leader between the two.
CREATE FUNCTION tgbot.fence(mine bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM tgbot.lease WHERE epoch = mine FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'another node has the lease' USING ERRCODE = 'TG001';
    END IF;
END $$;

-- End the transactions that write, all but the caller's: those of a node that led before. The fence would
-- refuse them anyway, but one whose node was cut off keeps its rows locked. Only where this role may do so.
CREATE FUNCTION tgbot.end_writers() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_terminate_backend(pid) FROM (
        SELECT DISTINCT pid FROM pg_locks
        JOIN pg_class ON pg_class.oid = relation AND relnamespace = 'tgbot'::regnamespace AND relkind = 'r'
        WHERE locktype = 'relation' AND granted AND pid <> pg_backend_pid()
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND CASE relname WHEN 'nodes' THEN false WHEN 'lease' THEN mode = 'RowShareLock'  -- the fence
                ELSE mode = 'RowExclusiveLock' END) AS writers;
EXCEPTION WHEN insufficient_privilege THEN
    NULL;
END $$;

-- What a crash of the server must not undo is on its disk at the commit, whatever is set for the database.
CREATE FUNCTION tgbot.commit_to_disk() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
END $$;

-- Make a node the leader, if the lease is free and not meant for another: the new epoch, or 0. The row may be
-- locked by a transaction that is being committed; one that stands still is ended.
CREATE FUNCTION tgbot.take(me text, seconds float8, heir_seconds float8) RETURNS bigint LANGUAGE plpgsql
SET lock_timeout = '1s' AS $$
DECLARE
    mine bigint;
BEGIN
    PERFORM tgbot.commit_to_disk();
    UPDATE tgbot.lease SET node = me, epoch = epoch + 1, heir = '', taken_from = node, since = clock_timestamp(),
        until = clock_timestamp() + make_interval(secs => seconds)
    WHERE (node = '' OR until < clock_timestamp())
        AND (heir IN ('', me) OR until + make_interval(secs => heir_seconds) < clock_timestamp())
    RETURNING epoch INTO mine;
    IF mine IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM tgbot.end_writers();
    RETURN mine;
EXCEPTION WHEN lock_not_available THEN
    PERFORM tgbot.end_writers();
    RETURN 0;
END $$;

-- Renew the lease, also when it is over and nobody took it; false if the node leads no more.
CREATE FUNCTION tgbot.renew(me text, mine bigint, seconds float8) RETURNS boolean LANGUAGE plpgsql
SET lock_timeout = '1s' AS $$
BEGIN
    PERFORM tgbot.commit_to_disk();
    UPDATE tgbot.lease SET until = clock_timestamp() + make_interval(secs => seconds)
    WHERE epoch = mine AND node = me;
    RETURN FOUND;
END $$;

-- Give the lease up, to one node ("" for any), and wake those that stand by; false if the node does not lead.
CREATE FUNCTION tgbot.release(me text, mine bigint, next text) RETURNS boolean LANGUAGE plpgsql
SET lock_timeout = '1s' AS $$
BEGIN
    UPDATE tgbot.lease SET node = '', until = clock_timestamp(), heir = next WHERE epoch = mine AND node = me;
    IF FOUND THEN
        PERFORM pg_notify('tgbot_lease', next);
        RETURN true;
    END IF;
    RETURN false;
END $$;

-- The nodes, each with an auth key of its own, and what belongs to that key.
CREATE TABLE tgbot.nodes (
    name text PRIMARY KEY,
    -- The running process, '' for none, and when it said last that it runs.
    run text NOT NULL DEFAULT '',
    seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    version text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT '',
    dc_id integer NOT NULL DEFAULT 0,
    address text NOT NULL DEFAULT '',
    port integer NOT NULL DEFAULT 0,
    auth_key bytea,
    notes jsonb NOT NULL DEFAULT '{}');

-- Users: JSON, and in columns what is asked by. What JSONB would not give back as it is (a NUL, half a surrogate
-- pair, a number in another form, the order of keys in what plugins keep) is in `exact`, and `value` is null then.
CREATE TABLE tgbot.users (
    id bigint PRIMARY KEY,
    access text COLLATE "C",
    language text NOT NULL DEFAULT '',
    last_seen bigint NOT NULL DEFAULT 0,
    declines boolean NOT NULL DEFAULT false,
    value jsonb,
    exact text)
    WITH (fillfactor = 85);  -- who writes again changes nothing indexed: with room on the page no index changes
CREATE INDEX users_by_access ON tgbot.users (access, id) WHERE access IS NOT NULL;
CREATE INDEX users_declining ON tgbot.users (id) WHERE declines;

-- The trace of an error is UTF-8 with any character, also NUL.
CREATE TABLE tgbot.parked (
    key text COLLATE "C" PRIMARY KEY, dialog bigint NOT NULL, "user" bigint NOT NULL, reason text NOT NULL,
    handler text NOT NULL, error text NOT NULL, trace bytea NOT NULL, parked_at bigint NOT NULL,
    retry_at bigint, attempts integer NOT NULL, "update" bytea NOT NULL);

CREATE TABLE tgbot.planned (
    key text COLLATE "C" PRIMARY KEY, at bigint NOT NULL, name text NOT NULL, "user" bigint NOT NULL,
    data text NOT NULL, attempts bigint NOT NULL);
CREATE INDEX planned_by_time ON tgbot.planned (at, key);
CREATE INDEX planned_by_user ON tgbot.planned ("user") WHERE "user" <> 0;

-- Numbers of broadcasts are never given again: `numbers` has the last one, in one row at most.
CREATE TABLE tgbot.numbers (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), broadcast bigint NOT NULL DEFAULT 0);
CREATE TABLE tgbot.broadcasts (id bigint PRIMARY KEY, value text NOT NULL);
CREATE TABLE tgbot.tallies (broadcast bigint PRIMARY KEY, value text NOT NULL);
-- The packed chunks lie apart from the rows, so a look for the next chunk needs no index on what it asks for,
-- and a chunk that is written again and again needs no new entries in an index.
CREATE TABLE tgbot.deliveries (
    broadcast bigint NOT NULL, number bigint NOT NULL, first bigint NOT NULL,
    waiting bigint NOT NULL, late bigint NOT NULL, sent bigint NOT NULL,
    round bigint NOT NULL, corrected bigint NOT NULL, value bytea NOT NULL,
    PRIMARY KEY (broadcast, number));
CREATE INDEX deliveries_by_user ON tgbot.deliveries (broadcast, first, number);

-- Peers by marked id. A phone number or a title may be of any length, so their indexes hold the beginning. Many
-- have the same title, so that index has the id, too: the first of them is found without a look at the others.
CREATE TABLE tgbot.peers (
    id bigint PRIMARY KEY, hash bigint NOT NULL, phone text COLLATE "C", title text COLLATE "C",
    seen bigint NOT NULL)
    WITH (fillfactor = 85);  -- who is seen again changes only `seen`: with room on the page no index changes
CREATE INDEX peers_by_phone ON tgbot.peers (left(phone, 64), id) WHERE phone IS NOT NULL;
CREATE INDEX peers_by_title ON tgbot.peers (left(title, 64), id) WHERE title IS NOT NULL;

-- Usernames: each belongs to one peer, and has its place among those of that peer, counted from 0.
CREATE TABLE tgbot.usernames (
    name text COLLATE "C" PRIMARY KEY, id bigint NOT NULL, place integer NOT NULL);
CREATE INDEX usernames_by_peer ON tgbot.usernames (id);
CREATE TABLE tgbot.resolves (at bigint NOT NULL);

-- The update state: channel 0 is the account's.
CREATE TABLE tgbot.states (
    channel bigint PRIMARY KEY, pts bigint NOT NULL, qts bigint NOT NULL, date bigint NOT NULL,
    seq bigint NOT NULL);

-- Used logins of the login page, and who is still to be greeted for one.
CREATE TABLE tgbot.logins (
    digest bytea PRIMARY KEY, until bigint NOT NULL, "user" bigint, language text,
    used timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE INDEX logins_by_end ON tgbot.logins (until);
CREATE INDEX logins_owed ON tgbot.logins (used) WHERE "user" IS NOT NULL;
