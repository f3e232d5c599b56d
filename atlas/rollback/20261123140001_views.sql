-- Undoes 20261123140001_views.sql.

DROP FUNCTION "refresh_views_nof0"();
DROP VIEW "v_since_inception";
DROP VIEW "v_leaderboard";
DROP VIEW "v_crypto_prices_latest";
