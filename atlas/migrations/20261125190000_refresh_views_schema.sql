-- The views are refreshed in the schema in which they were made, not in public.
CREATE OR REPLACE FUNCTION "refresh_views_nof0"() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
  name text;
  mode text;
BEGIN
  FOR name, mode IN
    -- A view that was never filled has no readers, and cannot be refreshed concurrently.
    SELECT c.relname, CASE WHEN c.relispopulated THEN 'CONCURRENTLY' ELSE '' END
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind = 'm' AND c.relname LIKE 'v\_%'
    ORDER BY c.relname
  LOOP
    EXECUTE format('REFRESH MATERIALIZED VIEW %s %I', mode, name);
  END LOOP;
END
$$;
