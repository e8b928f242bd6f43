jq -c 'select(.status >= 400) | {ip, path, status}' "$1"
