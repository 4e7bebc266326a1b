-- The share of all unlocks that opened within so many seconds, by region. Who did not open counts.
-- $seconds = 10: the promise
SELECT region, count(*) AS unlocks,
    round(100 * count(*) FILTER (cause IS NULL AND total_s <= $seconds) / count(*), 2) AS percent,
    count(cause) AS not_opened,
    count(*) FILTER (cause IS NULL AND total_s > $seconds) AS too_slow
FROM observed WHERE started_at BETWEEN $since AND $until GROUP BY region ORDER BY percent, region
