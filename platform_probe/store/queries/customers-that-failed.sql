-- Customers whose car repeatedly did not open, and has not since: call them before they call.
-- $failures = 2: so many times at least
SELECT account_id, count(cause) AS failures, count(*) AS unlocks, list_sort(list(DISTINCT vehicle_id)) AS cars,
    mostly(cause) AS mostly, max_by(coalesce(cause, 'opened'), started_at) AS last,
    max(started_at) AS last_at
FROM observed WHERE started_at BETWEEN $since AND $until AND account_id IS NOT NULL
GROUP BY account_id HAVING count(cause) >= $failures AND last <> 'opened'
ORDER BY failures DESC, last_at DESC, account_id
