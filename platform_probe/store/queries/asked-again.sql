-- Unlocks that a phone asked for more than once, and how they ended.
SELECT requests, coalesce(cause, 'opened') AS ended, count(*) AS unlocks,
    count(DISTINCT account_id) AS customers, round(median(total_s), 2) AS p50_s
FROM attempts WHERE started_at BETWEEN $since AND $until AND requests > 1
GROUP BY ALL ORDER BY requests, unlocks DESC, ended
