-- Which failure modes there were, as they were judged last, how sure, whom they hit, and where most.
SELECT d.mode, count(*) AS unlocks, round(avg(d.probability), 2) AS probability,
    count(DISTINCT d.vehicle_id) AS cars, count(DISTINCT a.account_id) AS customers,
    mostly(coalesce(a.cause, 'opened')) AS mostly, mostly(a.region) AS most_in_region,
    mostly(a.operator) AS most_with_operator, mostly(a.firmware) AS most_with_firmware,
    min(d.began_at) AS first, max(d.began_at) AS last
FROM diagnosed AS d LEFT JOIN attempts AS a ON a.attempt_id = d.attempt_id
    AND a.started_at BETWEEN $since - INTERVAL 1 HOUR AND $until + INTERVAL 1 HOUR
WHERE d.began_at BETWEEN $since AND $until
GROUP BY d.mode ORDER BY unlocks DESC, d.mode
