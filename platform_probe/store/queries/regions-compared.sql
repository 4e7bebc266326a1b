-- Regions compared: how often cars did not open, between which bounds that is known (95 %),
-- and what it was mostly.
SELECT region, count(*) AS unlocks, count(cause) AS not_opened,
    round(100 * count(cause) / count(*), 2) AS percent,
    round(100 * wilson_low(count(cause), count(*)), 2) AS at_least,
    round(100 * wilson_high(count(cause), count(*)), 2) AS at_most,
    mostly(cause) AS mostly, round(quantile_cont(total_s, 0.95) FILTER (cause IS NULL), 2) AS p95_s
FROM observed WHERE started_at BETWEEN $since AND $until
GROUP BY region ORDER BY at_least DESC, region
