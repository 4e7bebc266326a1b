-- Answers of the API that explain nothing (500 or more without a type, or a generic one), by
-- endpoint and app version.
SELECT endpoint, app_version, api_release, status, count(*) AS answers,
    count(DISTINCT account_id) AS customers, min(logged_at) AS first, max(logged_at) AS last
FROM platform_events
WHERE logged_at BETWEEN $since AND $until AND event = 'answered'
  AND (problem = 'internal-error' OR (problem IS NULL AND status >= 500))
GROUP BY ALL ORDER BY answers DESC, endpoint, app_version
