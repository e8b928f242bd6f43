mlr --inidx --ifs ';;;' --ojsonl put -q 'if ($1 =~ "^[^ ]+ [^ ]+ [^ ]+ \[[^]]+\] \"[^ ]+ ([^ ]+) [^\"]*\" ([0-9]{3}) [^ ]+ \"[^\"]*\" \"([^\"]*)\"") {
  path="\1"; status="\2"; u="\3"; c="none"; f="other"; if (path =~ "^/(course|video)/([0-9]+)") {c="\2"}
  if (u =~ "bot|spider|crawl|externalhit"i) {f="bot"} elif (u =~ "MicroMessenger") {f="WeChat"} elif (u =~ "Edg") {f="Edge"} elif (u =~ "OPR/|^Opera") {f="Opera"}
  elif (u =~ "SamsungBrowser") {f="Samsung"} elif (u =~ "UCBrowser") {f="UC"} elif (u =~ "Firefox|FxiOS") {f="Firefox"} elif (u =~ "Chrome|CriOS") {f="Chrome"}
  elif (u =~ "Trident|MSIE") {f="IE"} elif (u =~ "Safari") {f="Safari"} elif (u =~ "^curl") {f="curl"} elif (u =~ "^Wget") {f="Wget"}
  elif (u =~ "^python-requests") {f="python-requests"} elif (u =~ "^Go-http") {f="Go-http"}
  @count[c][status][f] += 1} end {emit @count, "course", "status", "client"}' \
  then put '$status = int($status); if ($course == "none") {unset $course}' "$1"
