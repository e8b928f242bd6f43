mawk -F'[:,}]' '{h[$2]+=0.8*$4+0.8*$6+$8} END{for(p in h) printf "%.17g\t%s\n", h[p], p}' "$1" |
  LC_ALL=C sort -k1,1gr | head -10 | mawk -F'\t' '{print "{\"page\":" $2 ",\"heat\":" $1 "}"}'
