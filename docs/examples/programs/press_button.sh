monitor=http://127.0.0.1:9464 incident=INCIDENT
secret_file=/etc/unlockpath/slack.signing-secret
at=$(date +%s)
body='payload={"type":"block_actions","user":{"username":"jo"},"actions":[{"action_id":"unlockpath_acknowledge","value":"'$incident'"}]}'
signature=$(printf 'v0:%s:%s' "$at" "$body" | openssl dgst -sha256 -hmac "$(cat $secret_file)" | sed 's/.*= //')
curl --include --data-raw "$body" --header "X-Slack-Request-Timestamp: $at" --header "X-Slack-Signature: v0=$signature" $monitor/slack/interactivity
