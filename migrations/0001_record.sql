-- The record: definitions, executions under way, executions that have ended (a partition per day), dead letters.
-- Times are milliseconds since the epoch. Text columns hold U+0000 as '\0' and '\' as '\\'. What else an execution has is in
-- `record`, written by src/store/postgres/record-codec.ts.
CREATE TABLE store_identity (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch text NOT NULL
);

CREATE TABLE definitions (
  workflow_id uuid PRIMARY KEY,
  body bytea NOT NULL,
  used_at bigint NOT NULL
);

CREATE TABLE unfinished (
  execution_id uuid PRIMARY KEY,
  workflow_id uuid NOT NULL,
  name text NOT NULL,
  state smallint NOT NULL,
  revision bigint NOT NULL,
  created_at bigint NOT NULL,
  started_at bigint,
  finished_at bigint,
  error bytea,
  record bytea NOT NULL
);
CREATE INDEX unfinished_by_state ON unfinished (state, execution_id);
CREATE INDEX unfinished_by_name ON unfinished (name, state, execution_id);
CREATE INDEX unfinished_by_workflow ON unfinished (workflow_id, state, execution_id);

-- An execution's id is a UUID version 7: its first 48 bits are the instant of its creation, so a range of ids is a range of time.
CREATE TABLE executions (
  execution_id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  name text NOT NULL,
  state smallint NOT NULL,
  revision bigint NOT NULL,
  created_at bigint NOT NULL,
  started_at bigint,
  finished_at bigint,
  error bytea,
  record bytea NOT NULL,
  PRIMARY KEY (execution_id)
) PARTITION BY RANGE (execution_id);
CREATE INDEX executions_by_state ON executions (state, execution_id);
CREATE INDEX executions_by_name ON executions (name, state, execution_id);
CREATE INDEX executions_by_workflow ON executions (workflow_id, state, execution_id);

-- Those that ended on a later day than that of their ids, so that they outlive their day.
CREATE TABLE late_ends (
  execution_id uuid PRIMARY KEY,
  finished_at bigint NOT NULL
);

CREATE TABLE dead_letters (
  key bytea PRIMARY KEY,
  execution_id uuid NOT NULL,
  workflow_id uuid NOT NULL,
  handler text NOT NULL,
  error_code text NOT NULL,
  failed_at bigint NOT NULL,
  body bytea NOT NULL
);
CREATE INDEX dead_letters_by_execution ON dead_letters (execution_id);
CREATE INDEX dead_letters_by_handler ON dead_letters (handler, key);
CREATE INDEX dead_letters_by_workflow ON dead_letters (workflow_id, key);
CREATE INDEX dead_letters_by_code ON dead_letters (error_code, key);

-- What the record would not take, kept for who operates it.
CREATE TABLE set_aside (
  execution_id uuid NOT NULL,
  revision bigint NOT NULL,
  at bigint NOT NULL,
  reason text NOT NULL,
  record bytea NOT NULL,
  PRIMARY KEY (execution_id, revision)
);

-- The two functions below write a batch of executions, each array one column, in one call and one transaction. A row is taken where
-- nothing of its execution is recorded at its revision or a higher one; it replaces what is there, in either table. Two calls that
-- share a lock go one after the other, and each statement of a function sees what the other has committed: so no execution stands
-- in both tables. `locks` is sorted, so that two calls cannot wait for each other.
--
-- A plan for any number of rows, by the indexes: a batch is small beside the tables whatever the planner believes of either.
CREATE FUNCTION record_ended(
  locks int[], ids uuid[], workflow_ids uuid[], names text[], states smallint[], revisions bigint[], created bigint[],
  started bigint[], finished bigint[], errors bytea[], records bytea[],
  letter_keys bytea[], letter_ids uuid[], letter_workflows uuid[], letter_handlers text[], letter_codes text[],
  letter_failed bigint[], letter_bodies bytea[], late_ids uuid[], late_finished bigint[]
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  taken uuid[];
BEGIN
  PERFORM pg_advisory_xact_lock(28018, l.key) FROM unnest(locks) AS l(key);
  WITH written AS (
    INSERT INTO executions
      (execution_id, workflow_id, name, state, revision, created_at, started_at, finished_at, error, record)
    SELECT s.*
      FROM unnest(ids, workflow_ids, names, states, revisions, created, started, finished, errors, records)
        AS s(execution_id, workflow_id, name, state, revision, created_at, started_at, finished_at, error, record)
      WHERE NOT EXISTS (
        SELECT FROM unfinished u WHERE u.execution_id = s.execution_id AND u.revision >= s.revision)
    ON CONFLICT (execution_id) DO UPDATE SET
      workflow_id = excluded.workflow_id, name = excluded.name, state = excluded.state, revision = excluded.revision,
      created_at = excluded.created_at, started_at = excluded.started_at, finished_at = excluded.finished_at,
      error = excluded.error, record = excluded.record
      WHERE executions.revision < excluded.revision
    RETURNING execution_id
  ) SELECT array_agg(execution_id) INTO taken FROM written;
  DELETE FROM unfinished u USING unnest(taken) AS t(id) WHERE u.execution_id = t.id;
  DELETE FROM dead_letters d USING unnest(taken) AS t(id) WHERE d.execution_id = t.id;
  IF cardinality(letter_keys) > 0 THEN
    INSERT INTO dead_letters (key, execution_id, workflow_id, handler, error_code, failed_at, body)
      SELECT l.* FROM unnest(
          letter_keys, letter_ids, letter_workflows, letter_handlers, letter_codes, letter_failed, letter_bodies)
        AS l(key, execution_id, workflow_id, handler, error_code, failed_at, body)
        JOIN unnest(taken) AS t(id) ON t.id = l.execution_id
      ON CONFLICT (key) DO UPDATE SET body = excluded.body;
  END IF;
  IF cardinality(late_ids) > 0 THEN
    INSERT INTO late_ends (execution_id, finished_at)
      SELECT l.* FROM unnest(late_ids, late_finished) AS l(id, finished_at) JOIN unnest(taken) AS t(id) ON t.id = l.id
      ON CONFLICT (execution_id) DO UPDATE SET finished_at = excluded.finished_at;
  END IF;
END $$;

CREATE FUNCTION record_unfinished(
  locks int[], ids uuid[], workflow_ids uuid[], names text[], states smallint[], revisions bigint[], created bigint[],
  started bigint[], finished bigint[], errors bytea[], records bytea[]
) RETURNS void LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
  taken uuid[];
  -- Days outside these bounds are left out before a plan looks at them.
  least CONSTANT uuid := (SELECT i.id FROM unnest(ids) AS i(id) ORDER BY 1 LIMIT 1);
  most CONSTANT uuid := (SELECT i.id FROM unnest(ids) AS i(id) ORDER BY 1 DESC LIMIT 1);
BEGIN
  PERFORM pg_advisory_xact_lock(28018, l.key) FROM unnest(locks) AS l(key);
  WITH written AS (
    INSERT INTO unfinished
      (execution_id, workflow_id, name, state, revision, created_at, started_at, finished_at, error, record)
    SELECT s.*
      FROM unnest(ids, workflow_ids, names, states, revisions, created, started, finished, errors, records)
        AS s(execution_id, workflow_id, name, state, revision, created_at, started_at, finished_at, error, record)
      WHERE NOT EXISTS (
        SELECT FROM executions e
        WHERE e.execution_id = s.execution_id AND e.execution_id BETWEEN least AND most AND e.revision >= s.revision)
    ON CONFLICT (execution_id) DO UPDATE SET
      workflow_id = excluded.workflow_id, name = excluded.name, state = excluded.state, revision = excluded.revision,
      created_at = excluded.created_at, started_at = excluded.started_at, finished_at = excluded.finished_at,
      error = excluded.error, record = excluded.record
      WHERE unfinished.revision < excluded.revision
    RETURNING execution_id
  ) SELECT array_agg(execution_id) INTO taken FROM written;
  -- Only a redrive has something there.
  IF EXISTS (
    SELECT FROM unnest(taken) AS t(id) JOIN executions e ON e.execution_id = t.id AND e.execution_id BETWEEN least AND most)
  THEN
    DELETE FROM executions e USING unnest(taken) AS t(id)
      WHERE e.execution_id = t.id AND e.execution_id BETWEEN least AND most;
    DELETE FROM dead_letters d USING unnest(taken) AS t(id) WHERE d.execution_id = t.id;
  END IF;
END $$;
