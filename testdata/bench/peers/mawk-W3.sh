mawk -F'"' 'NF>=7{split($2,r," "); split($3,s," "); c=""; if (match(r[2],/^\/(course|video)\/[0-9]+/)) {c=substr(r[2],RSTART,RLENGTH); sub(/^\/[a-z]+\//,"",c)}
 u=$6; if(!(u in F)){l=tolower(u); f="other"; if(l~/bot|spider|crawl|externalhit/)f="bot"; else if(u~/MicroMessenger/)f="WeChat"
 else if(u~/Edg/)f="Edge"; else if(u~/OPR\/|^Opera/)f="Opera"; else if(u~/SamsungBrowser/)f="Samsung"; else if(u~/UCBrowser/)f="UC"
 else if(u~/Firefox|FxiOS/)f="Firefox"; else if(u~/Chrome|CriOS/)f="Chrome"; else if(u~/Trident|MSIE/)f="IE"; else if(u~/Safari/)f="Safari"
 else if(u~/^curl/)f="curl"; else if(u~/^Wget/)f="Wget"; else if(u~/^python-requests/)f="python-requests"; else if(u~/^Go-http/)f="Go-http"; F[u]=f}
 n[c "\t" s[1] "\t" F[u]]++}
END{for(k in n){split(k,a,"\t"); print "{\"course\":" (a[1]=="" ? "null" : "\"" a[1] "\"") ",\"status\":" a[2] ",\"client\":\"" a[3] "\",\"count\":" n[k] "}"}}' "$1"
