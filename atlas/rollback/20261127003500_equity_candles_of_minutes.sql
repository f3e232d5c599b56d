-- Undoes 20261127003500_equity_candles_of_minutes.sql.
-- atlas:txmode none

DO $migration$
DECLARE
  options text := format('LANGUAGE plpgsql SET search_path = %I, pg_temp', current_schema());
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
  equity_row text := $sql$
    INSERT INTO equity_candles AS c (competition_id, model_id, resolution, bucket, since_inception_hourly_marker, fall, open, open_at, high, high_at, low, low_at, close, close_at, rows)
    SELECT competition_id, model_id, resolution, date_bin(resolution * interval '1 second', observed_at, '0001-01-01 00:00:00+00'), CASE resolution WHEN 3600 THEN since_inception_hourly_marker ELSE 0 END, 0,
      dollar_equity, observed_at, dollar_equity, observed_at, dollar_equity, observed_at, dollar_equity, observed_at, 1
    FROM added, (VALUES (86400), (3600), (900)) AS r (resolution)
    ON CONFLICT (competition_id, model_id, resolution, bucket, since_inception_hourly_marker)$sql$;
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
  LOCK TABLE "account_equity_snapshots" IN SHARE ROW EXCLUSIVE MODE;
  EXECUTE 'CREATE OR REPLACE FUNCTION "move_equity_candles"() RETURNS trigger ' || options || ' AS $function$
  BEGIN
    IF (SELECT count(*) FROM added) > 1 THEN ' || replace(equity, 'FACTS', 'added') || together || fall || ';
    ELSE ' || equity_row || together || fall || ';
    END IF;
    RETURN NULL;
  END
  $function$';
  EXECUTE 'CREATE OR REPLACE FUNCTION "rebuild_equity_candles"("of_competition" text, "of_model" text, "since" timestamptz, "until" timestamptz) RETURNS void ' || options || ' AS $function$
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
END
$migration$;

DELETE FROM "equity_candles" WHERE resolution = 60;
