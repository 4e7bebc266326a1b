-- Unlocks whose likeliest failure mode was another one when more was known.
SELECT held.began_at, held.vehicle_id, old.mode AS first_mode, round(old.probability, 2) AS at_first,
    held.mode AS last_mode, round(held.probability, 2) AS at_last, held.after_s, held.attempt_id
FROM diagnoses AS old JOIN diagnosed AS held USING (attempt_id)
WHERE held.began_at BETWEEN $since AND $until AND old.revision = 1 AND old.mode <> held.mode
ORDER BY held.began_at DESC
