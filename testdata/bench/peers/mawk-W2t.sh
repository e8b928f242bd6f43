mawk -F'[:,}]' '{k=($10-$10%60000) "\t" $2; n[k]++; s[k]+=$4} END{for(k in n) print k "\t" n[k] "\t" s[k]}' CONVFMT=%.0f OFMT=%.0f "$1" |
  LC_ALL=C sort | mawk -F'\t' '{print "{\"start\":" $1 ",\"page\":" $2 ",\"count\":" $3 ",\"sum_clicks\":" $4 "}"}'
