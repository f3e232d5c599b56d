-- Makes the partition of the ticks of a month, with the rights of whoever migrates: a
-- server needs none but those to rows. Nobody else may call it until deploy/postgres/roles.sql
-- says so. The search path names what the function sees, temporary tables last.
DO $migration$
BEGIN
  EXECUTE format($create$
    CREATE FUNCTION "make_price_ticks_partition"("month" date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = %I, pg_temp AS $function$
    DECLARE
      first date := date_trunc('month', "month");
      partition text := 'price_ticks_' || to_char(first, 'YYYY_MM');
    BEGIN
      EXECUTE format('CREATE TABLE IF NOT EXISTS %%I (LIKE price_ticks INCLUDING ALL)', partition);
      EXECUTE format('ALTER TABLE price_ticks ATTACH PARTITION %%I FOR VALUES FROM (%%L) TO (%%L)',
        partition, first || ' 00:00:00+00', (first + interval '1 month')::date || ' 00:00:00+00');
    END
    $function$
  $create$, current_schema());
END
$migration$;
REVOKE ALL ON FUNCTION "make_price_ticks_partition"(date) FROM PUBLIC;
