-- Ends of executions that their callback URLs have still to be told of. `origin` is what receivers take turns by.
CREATE TABLE callbacks (
  execution_id uuid NOT NULL,
  finished_at bigint NOT NULL,
  origin text NOT NULL,
  url text NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  due_at bigint NOT NULL,
  PRIMARY KEY (execution_id, finished_at)
);
CREATE INDEX callbacks_by_origin ON callbacks (origin, due_at);

-- Claims up to `most` callbacks that are due, of each origin no more than `per_origin` or, where it is in `named`, its place in `rooms`.
-- Goes from origin to origin by the index, from the one behind `after_origin` round to it, so that a receiver with many callbacks, or one
-- that is down, costs the others nothing. What is claimed is due again at `until`, if nobody has settled it by then.
CREATE FUNCTION claim_callbacks(
  at_ms bigint, until_ms bigint, most int, per_origin int, after_origin text, named text[], rooms int[]
) RETURNS SETOF callbacks LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  here text := after_origin;
  following text;
  wrapped boolean := false;
  remaining int := most;
  room int;
  claimed int;
BEGIN
  WHILE remaining > 0 LOOP
    SELECT c.origin INTO following FROM callbacks c WHERE c.origin > here ORDER BY c.origin LIMIT 1;
    IF NOT FOUND THEN
      EXIT WHEN wrapped;
      wrapped := true;
      here := '';
      CONTINUE;
    END IF;
    EXIT WHEN wrapped AND following > after_origin;
    here := following;
    room := least(remaining, coalesce(rooms[array_position(named, here)], per_origin));
    CONTINUE WHEN room <= 0;
    RETURN QUERY
      UPDATE callbacks c SET due_at = until_ms, attempts = c.attempts + 1
        FROM (
          SELECT d.execution_id, d.finished_at FROM callbacks d WHERE d.origin = here AND d.due_at <= at_ms
          ORDER BY d.due_at LIMIT room FOR UPDATE SKIP LOCKED
        ) AS due
        WHERE c.execution_id = due.execution_id AND c.finished_at = due.finished_at
        RETURNING c.*;
    GET DIAGNOSTICS claimed = ROW_COUNT;
    remaining := remaining - claimed;
  END LOOP;
END $$;
