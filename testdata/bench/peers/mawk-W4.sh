mawk -F'"' 'function e(s){if(s~/[\\"\001-\037]/){gsub(/\\/,"\\\\",s);gsub(/"/,"\\\"",s)} return s}
NF>=7{split($1,a," "); split($2,r," "); split($3,s," "); t=$1; sub(/^[^[]*\[/,"",t); sub(/\] $/,"",t);
printf "{\"time\":\"%s\",\"ip\":\"%s\",\"user\":\"%s\",\"method\":\"%s\",\"path\":\"%s\",\"proto\":\"%s\",\"status\":%d,\"bytes\":%s,\"referer\":\"%s\",\"agent\":\"%s\"}\n",
 t,a[1],e(a[3]),r[1],e(r[2]),r[3],s[1],s[2]=="-"?"null":s[2],e($4),e($6)}' "$1"
