-- Incidents that went on in that time, each as it was known last, those that go on first.
SELECT incident_id, state, severity, title, kind, since, opened_at, ended_at,
    coalesce(mode, cause) AS because, round(mode_probability, 2) AS of_diagnoses, failed, total,
    customers, cars, acknowledged_by, maintenance
FROM incidents_held
WHERE since <= $until AND (state = 'open' OR coalesce(ended_at, $until) >= $since)
ORDER BY state <> 'open', opened_at DESC, incident_id
