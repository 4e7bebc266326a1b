-- Sleeping cars that were asked to wake: how long until the box had the command, by operator.
SELECT operator, count(*) AS woken, count(cause) AS not_opened,
    round(quantile_cont(box_received_s - coalesce(woken_s, 0), 0.5), 1) AS p50_s,
    round(quantile_cont(box_received_s - coalesce(woken_s, 0), 0.95), 1) AS p95_s
FROM attempts
WHERE started_at BETWEEN $since AND $until AND (woken_s IS NOT NULL OR list_contains(flags, 'woken'))
GROUP BY operator ORDER BY not_opened DESC, operator
