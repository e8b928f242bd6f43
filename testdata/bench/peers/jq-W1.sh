jq -nc 'reduce inputs as $x ({}; .[$x.page] += 0.8*$x.clicks+0.8*$x.minutes+$x.like)
  | to_entries | sort_by(-.value)[:10][] | {page: .key, heat: .value}' "$1"
