DROP FUNCTION "make_price_ticks_partition"(date);
