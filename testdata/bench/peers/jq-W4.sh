jq -Rc 'capture("^(?<ip>\\S+) \\S+ (?<user>\\S+) \\[(?<time>[^\\]]+)\\] \"(?<method>\\S+) (?<path>\\S+) (?<proto>[^\"]*)\" (?<status>\\d{3}) (?<bytes>\\S+) \"(?<referer>[^\"]*)\" \"(?<agent>[^\"]*)\"")
  | .status |= tonumber | .bytes = (.bytes | tonumber? // null)' "$1"
