-- atlas:txmode none

-- Create "equity_candles" table
CREATE TABLE "equity_candles" (
  "competition_id" text NOT NULL DEFAULT 'season-1',
  "model_id" text NOT NULL,
  "resolution" integer NOT NULL,
  "bucket" timestamptz NOT NULL,
  "since_inception_hourly_marker" bigint NOT NULL,
  "fall" double precision NOT NULL,
  "open" double precision NOT NULL,
  "open_at" timestamptz NOT NULL,
  "high" double precision NOT NULL,
  "high_at" timestamptz NOT NULL,
  "low" double precision NOT NULL,
  "low_at" timestamptz NOT NULL,
  "close" double precision NOT NULL,
  "close_at" timestamptz NOT NULL,
  "rows" bigint NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("competition_id", "model_id", "resolution", "bucket", "since_inception_hourly_marker")
);
-- Create "price_candles" table
CREATE TABLE "price_candles" (
  "provider" text NOT NULL,
  "symbol" text NOT NULL,
  "resolution" integer NOT NULL,
  "bucket" timestamptz NOT NULL,
  "open" double precision NOT NULL,
  "open_at" timestamptz NOT NULL,
  "high" double precision NOT NULL,
  "high_at" timestamptz NOT NULL,
  "low" double precision NOT NULL,
  "low_at" timestamptz NOT NULL,
  "close" double precision NOT NULL,
  "close_at" timestamptz NOT NULL,
  "rows" bigint NOT NULL,
  "created_at" timestamptz NOT NULL DEFAULT now(),
  "updated_at" timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY ("provider", "symbol", "resolution", "bucket")
);

-- What moves the candles. The functions see the tables of the schema that the migration
-- works in, whatever the search path of who writes.
DO $migration$
DECLARE
  options text := format('LANGUAGE plpgsql SET search_path = %I, pg_temp', current_schema());
  -- The candles of rows of FACTS: first of a quarter of an hour, then of these the longer
  -- ones. The fall within a span is that from the highest value so far; to below 0 it is
  -- not computed, since it may be beyond a double, nor where hours of
  -- the account overlap. Those of a day come first: who holds its lock moves all candles
  -- of the day.
  equity text := $sql$
    WITH fact AS (
      SELECT competition_id, model_id, date_bin('15 minutes', observed_at, '0001-01-01 00:00:00+00') AS bucket,
        since_inception_hourly_marker AS marker, observed_at AS at, dollar_equity AS value
      FROM FACTS
    ), peak AS (
      SELECT *, max(value) OVER (PARTITION BY competition_id, model_id, bucket, marker ORDER BY at) AS peak FROM fact
    ), base AS (
      SELECT competition_id, model_id, bucket, marker, max(CASE WHEN peak <= 0 THEN 0 WHEN value < 0 THEN 'Infinity' ELSE (peak - value) / peak END) AS fall,
        (array_agg(value ORDER BY at))[1] AS open, min(at) AS open_at,
        max(value) AS high, (array_agg(at ORDER BY value DESC, at))[1] AS high_at,
        min(value) AS low, (array_agg(at ORDER BY value, at))[1] AS low_at,
        (array_agg(value ORDER BY at DESC))[1] AS close, max(at) AS close_at, count(*) AS rows
      FROM peak
      GROUP BY competition_id, model_id, bucket, marker
    ), part AS (
      SELECT *, max(high) OVER before AS peak, max(close_at) OVER before AS ended
      FROM (
        SELECT *, date_bin(resolution * interval '1 second', bucket, '0001-01-01 00:00:00+00') AS span, CASE resolution WHEN 3600 THEN marker ELSE 0 END AS hour
        FROM base, (VALUES (86400), (3600), (900)) AS r (resolution)
      ) AS parts
      WINDOW before AS (PARTITION BY competition_id, model_id, resolution, span, hour ORDER BY open_at, close_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
    )
    INSERT INTO equity_candles AS c (competition_id, model_id, resolution, bucket, since_inception_hourly_marker, fall, open, open_at, high, high_at, low, low_at, close, close_at, rows)
    SELECT competition_id, model_id, resolution, span, hour, max(greatest(fall, CASE WHEN peak IS NULL THEN 0 WHEN open_at <= ended THEN 'Infinity' WHEN peak <= 0 OR low >= peak THEN 0 WHEN low < 0 THEN 'Infinity' ELSE (peak - low) / peak END)),
      (array_agg(open ORDER BY open_at))[1], min(open_at),
      max(high), (array_agg(high_at ORDER BY high DESC, high_at))[1],
      min(low), (array_agg(low_at ORDER BY low, low_at))[1],
      (array_agg(close ORDER BY close_at DESC))[1], max(close_at), sum(rows)
    FROM part
    GROUP BY competition_id, model_id, resolution, span, hour
    ORDER BY competition_id, model_id, resolution DESC, span, hour
    ON CONFLICT (competition_id, model_id, resolution, bucket, since_inception_hourly_marker)$sql$;
  price text := $sql$
    WITH base AS (
      SELECT provider, symbol, date_bin('1 minute', observed_at, '0001-01-01 00:00:00+00') AS bucket,
        (array_agg(price ORDER BY observed_at))[1] AS open, min(observed_at) AS open_at,
        max(price) AS high, (array_agg(observed_at ORDER BY price DESC, observed_at))[1] AS high_at,
        min(price) AS low, (array_agg(observed_at ORDER BY price, observed_at))[1] AS low_at,
        (array_agg(price ORDER BY observed_at DESC))[1] AS close, max(observed_at) AS close_at, count(*) AS rows
      FROM FACTS
      GROUP BY provider, symbol, date_bin('1 minute', observed_at, '0001-01-01 00:00:00+00')
    )
    INSERT INTO price_candles AS c (provider, symbol, resolution, bucket, open, open_at, high, high_at, low, low_at, close, close_at, rows)
    SELECT provider, symbol, resolution, date_bin(resolution * interval '1 second', bucket, '0001-01-01 00:00:00+00') AS span,
      (array_agg(open ORDER BY open_at))[1], min(open_at),
      max(high), (array_agg(high_at ORDER BY high DESC, high_at))[1],
      min(low), (array_agg(low_at ORDER BY low, low_at))[1],
      (array_agg(close ORDER BY close_at DESC))[1], max(close_at), sum(rows)
    FROM base, (VALUES (86400), (3600), (900), (60)) AS r (resolution)
    GROUP BY provider, symbol, resolution, span
    ORDER BY provider, symbol, resolution DESC, span
    ON CONFLICT (provider, symbol, resolution, bucket)$sql$;
  -- The same of one row, which takes a third of the time.
  equity_row text := $sql$
    INSERT INTO equity_candles AS c (competition_id, model_id, resolution, bucket, since_inception_hourly_marker, fall, open, open_at, high, high_at, low, low_at, close, close_at, rows)
    SELECT competition_id, model_id, resolution, date_bin(resolution * interval '1 second', observed_at, '0001-01-01 00:00:00+00'), CASE resolution WHEN 3600 THEN since_inception_hourly_marker ELSE 0 END, 0,
      dollar_equity, observed_at, dollar_equity, observed_at, dollar_equity, observed_at, dollar_equity, observed_at, 1
    FROM added, (VALUES (86400), (3600), (900)) AS r (resolution)
    ON CONFLICT (competition_id, model_id, resolution, bucket, since_inception_hourly_marker)$sql$;
  price_row text := $sql$
    INSERT INTO price_candles AS c (provider, symbol, resolution, bucket, open, open_at, high, high_at, low, low_at, close, close_at, rows)
    SELECT provider, symbol, resolution, date_bin(resolution * interval '1 second', observed_at, '0001-01-01 00:00:00+00'),
      price, observed_at, price, observed_at, price, observed_at, price, observed_at, 1
    FROM added, (VALUES (86400), (3600), (900), (60)) AS r (resolution)
    ON CONFLICT (provider, symbol, resolution, bucket)$sql$;
  -- What two candles of the same span are together.
  together text := $sql$ DO UPDATE SET
      open = CASE WHEN excluded.open_at < c.open_at THEN excluded.open ELSE c.open END,
      open_at = least(c.open_at, excluded.open_at),
      high = greatest(c.high, excluded.high),
      high_at = CASE WHEN excluded.high > c.high OR excluded.high = c.high AND excluded.high_at < c.high_at THEN excluded.high_at ELSE c.high_at END,
      low = least(c.low, excluded.low),
      low_at = CASE WHEN excluded.low < c.low OR excluded.low = c.low AND excluded.low_at < c.low_at THEN excluded.low_at ELSE c.low_at END,
      close = CASE WHEN excluded.close_at > c.close_at THEN excluded.close ELSE c.close END,
      close_at = greatest(c.close_at, excluded.close_at),
      rows = c.rows + excluded.rows,
      updated_at = now()$sql$;
  -- Where they are not one after the other, the fall is no more than from the highest
  -- to the lowest, unless what is left of a peak may be below 0.
  fall text := $sql$,
      fall = greatest(c.fall, excluded.fall, CASE
        WHEN excluded.open_at > c.close_at THEN CASE WHEN c.high <= 0 OR excluded.low >= c.high THEN 0 WHEN excluded.low < 0 THEN 'Infinity' ELSE (c.high - excluded.low) / c.high END
        WHEN excluded.close_at < c.open_at THEN CASE WHEN excluded.high <= 0 OR c.low >= excluded.high THEN 0 WHEN c.low < 0 THEN 'Infinity' ELSE (excluded.high - c.low) / excluded.high END
        WHEN greatest(c.high, excluded.high) <= 0 THEN 0
        WHEN least(c.low, excluded.low) < 0 THEN 'Infinity'
        ELSE (greatest(c.high, excluded.high) - least(c.low, excluded.low)) / greatest(c.high, excluded.high)
      END)$sql$;
BEGIN
  EXECUTE 'CREATE FUNCTION "move_equity_candles"() RETURNS trigger ' || options || ' AS $function$
  BEGIN
    IF (SELECT count(*) FROM added) > 1 THEN ' || replace(equity, 'FACTS', 'added') || together || fall || ';
    ELSE ' || equity_row || together || fall || ';
    END IF;
    RETURN NULL;
  END
  $function$';
  EXECUTE 'CREATE FUNCTION "move_price_candles"() RETURNS trigger ' || options || ' AS $function$
  BEGIN
    IF (SELECT count(*) FROM added) > 1 THEN ' || replace(price, 'FACTS', 'added') || together || ';
    ELSE ' || price_row || together || ';
    END IF;
    RETURN NULL;
  END
  $function$';

  -- Makes the candles of days anew, from the rows that there are. Each day is locked
  -- first: what others add meanwhile waits for that, or is seen.
  EXECUTE 'CREATE FUNCTION "rebuild_equity_candles"("of_competition" text, "of_model" text, "since" timestamptz, "until" timestamptz) RETURNS void ' || options || ' AS $function$
  BEGIN
    INSERT INTO equity_candles AS c (competition_id, model_id, resolution, bucket, since_inception_hourly_marker, fall, open, open_at, high, high_at, low, low_at, close, close_at, rows)
      SELECT of_competition, of_model, 86400, day, 0, 0, 0, day, 0, day, 0, day, 0, day, 0
      FROM generate_series(since, until - interval ''24 hours'', interval ''24 hours'') AS day
      ORDER BY day
      ON CONFLICT (competition_id, model_id, resolution, bucket, since_inception_hourly_marker) DO UPDATE SET rows = c.rows;
    DELETE FROM equity_candles WHERE competition_id = of_competition AND model_id = of_model AND resolution IN (86400, 3600, 900) AND bucket >= since AND bucket < until;'
    || replace(equity, 'FACTS', 'account_equity_snapshots WHERE competition_id = of_competition AND model_id = of_model AND observed_at >= since AND observed_at < until') || ' DO NOTHING;
  END
  $function$';
  -- Candles that count more rows than there are stay: their ticks were archived.
  EXECUTE 'CREATE FUNCTION "rebuild_price_candles"("of_provider" text, "of_symbol" text, "since" timestamptz, "until" timestamptz) RETURNS void ' || options || ' AS $function$
  BEGIN
    INSERT INTO price_candles AS c (provider, symbol, resolution, bucket, open, open_at, high, high_at, low, low_at, close, close_at, rows)
      SELECT of_provider, of_symbol, 86400, day, 0, day, 0, day, 0, day, 0, day, 0
      FROM generate_series(since, until - interval ''24 hours'', interval ''24 hours'') AS day
      ORDER BY day
      ON CONFLICT (provider, symbol, resolution, bucket) DO UPDATE SET rows = c.rows;
    DELETE FROM price_candles AS c
      USING (
        SELECT resolution, date_bin(resolution * interval ''1 second'', bucket, ''0001-01-01 00:00:00+00'') AS span, sum(n) AS rows
        FROM (
          SELECT date_bin(''1 minute'', observed_at, ''0001-01-01 00:00:00+00'') AS bucket, count(*) AS n
          FROM price_ticks
          WHERE provider = of_provider AND symbol = of_symbol AND observed_at >= since AND observed_at < until
          GROUP BY 1
        ) AS minutes, (VALUES (86400), (3600), (900), (60)) AS r (resolution)
        GROUP BY 1, 2
      ) AS found
      WHERE c.provider = of_provider AND c.symbol = of_symbol AND c.resolution = found.resolution AND c.bucket = found.span AND c.rows <= found.rows;
    DELETE FROM price_candles WHERE provider = of_provider AND symbol = of_symbol AND resolution = 86400 AND bucket >= since AND bucket < until AND rows = 0;'
    || replace(price, 'FACTS', 'price_ticks WHERE provider = of_provider AND symbol = of_symbol AND observed_at >= since AND observed_at < until') || ' DO NOTHING;
  END
  $function$';

  -- The series that there are, and from which day to which time their rows lie.
  EXECUTE 'CREATE FUNCTION "candle_series"() RETURNS TABLE ("kind" text, "of" text, "named" text, "since" timestamptz, "until" timestamptz) STABLE ' || replace(options, 'plpgsql', 'sql') || $options$ AS $function$
    WITH RECURSIVE account AS (
      (SELECT competition_id, model_id FROM account_equity_snapshots ORDER BY competition_id, model_id LIMIT 1)
      UNION ALL
      SELECT next.competition_id, next.model_id
      FROM account AS a
      CROSS JOIN LATERAL (
        SELECT e.competition_id, e.model_id FROM account_equity_snapshots AS e WHERE (e.competition_id, e.model_id) > (a.competition_id, a.model_id) ORDER BY e.competition_id, e.model_id LIMIT 1
      ) AS next
    ), feed AS (
      (SELECT provider, symbol FROM price_ticks ORDER BY provider, symbol LIMIT 1)
      UNION ALL
      SELECT next.provider, next.symbol
      FROM feed AS f
      CROSS JOIN LATERAL (SELECT t.provider, t.symbol FROM price_ticks AS t WHERE (t.provider, t.symbol) > (f.provider, f.symbol) ORDER BY t.provider, t.symbol LIMIT 1) AS next
    )
    SELECT 'equity', a.competition_id, a.model_id, date_bin('1 day', first.observed_at, '0001-01-01 00:00:00+00'), last.observed_at
    FROM account AS a
    CROSS JOIN LATERAL (SELECT observed_at FROM account_equity_snapshots AS e WHERE e.competition_id = a.competition_id AND e.model_id = a.model_id ORDER BY observed_at LIMIT 1) AS first
    CROSS JOIN LATERAL (SELECT observed_at FROM account_equity_snapshots AS e WHERE e.competition_id = a.competition_id AND e.model_id = a.model_id ORDER BY observed_at DESC LIMIT 1) AS last
    UNION ALL
    SELECT 'price', f.provider, f.symbol, date_bin('1 day', first.observed_at, '0001-01-01 00:00:00+00'), last.observed_at
    FROM feed AS f
    CROSS JOIN LATERAL (SELECT observed_at FROM price_ticks AS t WHERE t.provider = f.provider AND t.symbol = f.symbol ORDER BY observed_at LIMIT 1) AS first
    CROSS JOIN LATERAL (SELECT observed_at FROM price_ticks AS t WHERE t.provider = f.provider AND t.symbol = f.symbol ORDER BY observed_at DESC LIMIT 1) AS last
  $function$ $options$;

  -- What is changed or deleted no longer counts, then the days are made anew.
  EXECUTE 'CREATE FUNCTION "redo_equity_candles"() RETURNS trigger ' || options || $options$ AS $function$
  DECLARE
    day record;
  BEGIN
    IF TG_OP = 'DELETE' THEN
      FOR day IN
        SELECT DISTINCT competition_id, model_id, date_bin('1 day', observed_at, '0001-01-01 00:00:00+00') AS at FROM removed ORDER BY 1, 2, 3
      LOOP
        PERFORM rebuild_equity_candles(day.competition_id, day.model_id, day.at, day.at + interval '24 hours');
      END LOOP;
    ELSE
      FOR day IN
        SELECT DISTINCT competition_id, model_id, date_bin('1 day', observed_at, '0001-01-01 00:00:00+00') AS at
        FROM removed AS r FULL JOIN added AS a USING (competition_id, model_id, observed_at)
        WHERE (r.dollar_equity, r.since_inception_hourly_marker) IS DISTINCT FROM (a.dollar_equity, a.since_inception_hourly_marker)
        ORDER BY 1, 2, 3
      LOOP
        PERFORM rebuild_equity_candles(day.competition_id, day.model_id, day.at, day.at + interval '24 hours');
      END LOOP;
    END IF;
    RETURN NULL;
  END
  $function$ $options$;
  EXECUTE 'CREATE FUNCTION "forget_price_candles"("of_provider" text, "of_symbol" text, "day" timestamptz, "times" timestamptz[]) RETURNS void ' || options || $options$ AS $function$
  BEGIN
    PERFORM FROM price_candles WHERE provider = of_provider AND symbol = of_symbol AND resolution = 86400 AND bucket = day FOR UPDATE;
    UPDATE price_candles AS c SET rows = c.rows - gone.rows, updated_at = now()
      FROM (
        SELECT resolution, date_bin(resolution * interval '1 second', at, '0001-01-01 00:00:00+00') AS bucket, count(*) AS rows
        FROM unnest(times) AS at, (VALUES (86400), (3600), (900), (60)) AS r (resolution)
        GROUP BY 1, 2
      ) AS gone
      WHERE c.provider = of_provider AND c.symbol = of_symbol AND c.resolution = gone.resolution AND c.bucket = gone.bucket;
    DELETE FROM price_candles WHERE provider = of_provider AND symbol = of_symbol AND resolution IN (3600, 900, 60) AND bucket >= day AND bucket < day + interval '24 hours' AND rows <= 0;
    PERFORM rebuild_price_candles(of_provider, of_symbol, day, day + interval '24 hours');
  END
  $function$ $options$;
  EXECUTE 'CREATE FUNCTION "redo_price_candles"() RETURNS trigger ' || options || $options$ AS $function$
  DECLARE
    changed record;
  BEGIN
    IF TG_OP = 'DELETE' THEN
      FOR changed IN
        SELECT provider, symbol, date_bin('1 day', observed_at, '0001-01-01 00:00:00+00') AS day, array_agg(observed_at) AS gone FROM removed GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      LOOP
        PERFORM forget_price_candles(changed.provider, changed.symbol, changed.day, changed.gone);
      END LOOP;
    ELSE
      FOR changed IN
        SELECT provider, symbol, date_bin('1 day', observed_at, '0001-01-01 00:00:00+00') AS day, array_agg(observed_at) FILTER (WHERE r.price IS NOT NULL) AS gone
        FROM removed AS r FULL JOIN added AS a USING (provider, symbol, observed_at)
        WHERE r.price IS DISTINCT FROM a.price
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      LOOP
        PERFORM forget_price_candles(changed.provider, changed.symbol, changed.day, changed.gone);
      END LOOP;
    END IF;
    RETURN NULL;
  END
  $function$ $options$;
END
$migration$;

CREATE TRIGGER "move_equity_candles" AFTER INSERT ON "account_equity_snapshots" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION move_equity_candles();
CREATE TRIGGER "redo_equity_candles_updated" AFTER UPDATE ON "account_equity_snapshots" REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION redo_equity_candles();
CREATE TRIGGER "redo_equity_candles_deleted" AFTER DELETE ON "account_equity_snapshots" REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION redo_equity_candles();
CREATE TRIGGER "move_price_candles" AFTER INSERT ON "price_ticks" REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION move_price_candles();
CREATE TRIGGER "redo_price_candles_updated" AFTER UPDATE ON "price_ticks" REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION redo_price_candles();
CREATE TRIGGER "redo_price_candles_deleted" AFTER DELETE ON "price_ticks" REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION redo_price_candles();

-- The rows that there are, a day of a series in a transaction. Stopped, it begins again.
DO $$
DECLARE
  series record;
  day timestamptz;
BEGIN
  FOR series IN SELECT * FROM candle_series() LOOP
    day := series.since;
    WHILE day <= series.until LOOP
      IF series.kind = 'equity' THEN
        PERFORM rebuild_equity_candles(series.of, series.named, day, day + interval '24 hours');
      ELSE
        PERFORM rebuild_price_candles(series.of, series.named, day, day + interval '24 hours');
      END IF;
      COMMIT;
      day := day + interval '24 hours';
    END LOOP;
  END LOOP;
END
$$;
