-- How often each cause, by time.
-- $minutes = 60: length of a row's time
SELECT time_bucket(to_minutes($minutes), started_at) AS since, cause, count(*) AS failures,
    count(DISTINCT vehicle_id) AS cars
FROM attempts WHERE started_at BETWEEN $since AND $until AND cause IS NOT NULL
GROUP BY ALL ORDER BY since, failures DESC, cause
