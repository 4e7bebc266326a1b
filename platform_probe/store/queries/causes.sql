-- Which causes there were, how many cars and customers they hit, and where most.
SELECT cause, outcome, count(*) AS failures, count(DISTINCT vehicle_id) AS cars,
    count(DISTINCT account_id) AS customers, mostly(region) AS most_in_region,
    mostly(operator) AS most_with_operator, mostly(firmware) AS most_with_firmware,
    min(started_at) AS first, max(started_at) AS last
FROM attempts WHERE started_at BETWEEN $since AND $until AND cause IS NOT NULL
GROUP BY ALL ORDER BY failures DESC, cause
