-- What happened to an incident, and what was believed of it then, the first first.
-- $incident = null: its id
SELECT made_at, revision, changes->>'$[#-1].kind' AS change, changes->>'$[#-1].sentence' AS sentence,
    changes->>'$[#-1].by' AS by, changes->>'$[#-1].reason' AS reason, state, severity, title, failed,
    total, customers, cars
FROM incidents WHERE incident_id = $incident AND made_at BETWEEN $since AND $until
ORDER BY revision
