mlr --ijsonl --ojsonl put -q '@heat[$page] += 0.8*$clicks + 0.8*$minutes + $like; end {emit @heat, "page"}' \
  then sort -nr heat then head -n 10 "$1"
