-- How often each failure mode, as it was judged last, by time.
-- $minutes = 60: length of a row's time
SELECT time_bucket(to_minutes($minutes), began_at) AS since, mode, count(*) AS unlocks,
    count(DISTINCT vehicle_id) AS cars, round(avg(probability), 2) AS probability
FROM diagnosed WHERE began_at BETWEEN $since AND $until
GROUP BY ALL ORDER BY since, unlocks DESC, mode
