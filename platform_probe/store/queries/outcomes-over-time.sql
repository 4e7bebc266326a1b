-- Unlocks, how many did not open, and how long it took those that did, by time.
-- $minutes = 60: length of a row's time
SELECT time_bucket(to_minutes($minutes), started_at) AS since, count(*) AS unlocks,
    count(cause) AS not_opened, round(100 * count(cause) / count(*), 2) AS not_opened_percent,
    round(quantile_cont(total_s, 0.5) FILTER (cause IS NULL), 2) AS p50_s,
    round(quantile_cont(total_s, 0.95) FILTER (cause IS NULL), 2) AS p95_s
FROM observed WHERE started_at BETWEEN $since AND $until
GROUP BY ALL ORDER BY since
