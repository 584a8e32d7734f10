-- The record: definitions, executions under way, executions that have ended (a partition per day), dead letters.
-- Times are milliseconds since the epoch. Text columns hold U+0000 as '\0' and '\' as '\\'.
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
CREATE INDEX unfinished_by_name ON unfinished (name, execution_id);
CREATE INDEX unfinished_by_workflow ON unfinished (workflow_id, execution_id);

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
