-- Failed unlocks without a label, in random order: label these, and not only the wrong ones.
SELECT d.began_at, d.vehicle_id, d.mode, round(d.probability, 2) AS probability, d.attempt_id
FROM diagnosed AS d ANTI JOIN labelled USING (attempt_id)
WHERE d.began_at BETWEEN $since AND $until AND d.cause IS NOT NULL
ORDER BY md5(d.attempt_id)
