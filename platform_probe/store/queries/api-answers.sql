-- What the API answered: endpoint, status and problem type.
WITH counted AS (
    SELECT operation, endpoint, status, problem, count(*) AS answers, max(logged_at) AS last
    FROM platform_events WHERE logged_at BETWEEN $since AND $until AND event = 'answered'
    GROUP BY ALL
)
SELECT operation, endpoint, status, problem, answers,
    round(100 * answers / sum(answers) OVER (PARTITION BY operation, endpoint), 2) AS percent, last
FROM counted ORDER BY operation, answers DESC, status, problem
