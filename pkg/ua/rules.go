package ua

// The tables of rules. A line reads
//
//	words | name | version
//
// and fits an agent that has all the words, but none with ! before it. A word
// is what stands between blanks, brackets and semicolons, up to a slash, in
// small letters; two words with a blank are one. word/ asks for a slash behind
// the word. word=6.1 fits if the version behind the word begins so. The version
// is that behind the first word, or behind the word in the third column, or
// =text, or none with -. Of the lines of a table that fit the first one counts.
//
// The tables are asked in this order: robots, any word with "bot" or the like in
// it (robot.go), tools, apps (rules_app.go), browsers. Systems and devices are tables
// of their own (rules_system.go).

// robotRules are clients that no person looks at, and whose names do not tell.
const robotRules = `
// search engines, previews, assistants
yahoo! slurp                      | Yahoo! Slurp
slurp                             | Slurp
facebookexternalhit & twitterbot  | iMessage Preview        | -
facebookexternalhit               | FacebookBot
facebookcatalog                   | FacebookBot
facebot                           | FacebookBot
facebookplatform                  | FacebookBot
meta-externalagent                | meta-externalagent
meta-externalfetcher              | meta-externalfetcher
googleimageproxy                  | GmailImageProxy         | -
mediapartners-google              | Mediapartners-Google
google-inspectiontool             | Google-InspectionTool
google-extended                   | Google-Extended
google-read-aloud                 | Google-Read-Aloud
google-site-verification          | Google-Site-Verification
googleother                       | GoogleOther
apis-google                       | APIs-Google
appengine-google & !yandexbot     | AppEngine-Google
feedfetcher-google                | FeedFetcher-Google
google favicon                    | Google Favicon
google web                        | Google Web Preview      | -
bingpreview                       | BingPreview
adidxbot                          | adidxbot
chatgpt-user                      | ChatGPT-User
claude-user                       | Claude-User
claude-web                        | Claude-Web
anthropic-ai                      | anthropic-ai
perplexity-user                   | Perplexity-User
cohere-ai                         | cohere-ai
bytespider                        | Bytespider
yandeximages                      | YandexImages
pinterest=0.2                     | Pinterestbot
whatsapp                          | WhatsApp
skypeuripreview                   | SkypeUriPreview
slack-imgproxy                    | Slack-ImgProxy
embedly                           | Embedly
flipboardproxy                    | FlipboardProxy
ia_archiver                       | ia_archiver
heritrix                          | heritrix
internetarchive                   | InternetArchive
archive.org_bot                   | archive.org_bot
scrapy                            | Scrapy
ezooms                            | Ezooms
screaming frog                    | Screaming Frog SEO Spider | spider
vagabondo                         | Vagabondo
zyborg                            | ZyBorg
daumoa                            | Daumoa
genieo                            | Genieo
netvibes                          | Netvibes
datanyze                          | Datanyze
bender                            | Bender
rival iq                          | Rival IQ
httrack                           | HTTrack
ask jeeves                        | Ask Jeeves
// monitors
headlesschrome                    | HeadlessChrome
phantomjs                         | PhantomJS
slimerjs                          | SlimerJS
puppeteer                         | Puppeteer
playwright                        | Playwright
ptst                              | WebPageTest.org bot
chrome-lighthouse                 | Lighthouse
gtmetrix                          | GTmetrix
pingdom.com_bot_version           | PingdomBot
pingdompagespeed                  | PingdomBot
pingdomtms                        | PingdomBot
ruxitsynthetic                    | Ruxit Synthetic
dynatracesynthetic                | Dynatrace Synthetic
datadogsynthetics                 | Datadog Synthetics
catchpoint bot                    | Catchpoint bot
catchpoint                        | Catchpoint
gomezagent                        | GomezAgent
yottaamonitor                     | YottaaMonitor
newrelicpinger                    | NewRelicPingerBot
rackspace monitoring              | RackspaceBot
statuscake                        | StatusCakeBot           | -
uptimerobot                       | UptimeRobot
monitis                           | Monitis
site24x7                          | Site24x7
better uptime                     | Better Uptime Bot
kube-probe                        | kube-probe
elb-healthchecker                 | ELB-HealthChecker
amazon-route53-health-check-service | Amazon-Route53-Health-Check-Service
googlehc                          | GoogleHC
googlestackdrivermonitoring-uptimechecks | GoogleStackdriverMonitoring-UptimeChecks
prometheus                        | Prometheus
blackbox exporter                 | Blackbox-Exporter
blackbox-exporter                 | Blackbox-Exporter
check_http                        | check_http
haproxy                           | HAProxy
zabbix                            | Zabbix
datadog agent                     | Datadog Agent
consul health                     | Consul Health Check
envoy & hc                        | Envoy
ssl labs                          | SSL Labs
openvas                           | OpenVAS Scanner
nmap scripting                    | Nmap Scripting Engine
nikto                             | Nikto
sqlmap                            | sqlmap
masscan                           | masscan
zgrab                             | zgrab
nuclei                            | Nuclei
w3c_validator                     | W3C_Validator
w3c-checklink                     | W3C-checklink
// readers and fetchers of feeds
universalfeedparser               | UniversalFeedParser
feedburner                        | FeedBurner
feedly                            | Feedly
feedbin                           | Feedbin
feedparser                        | feedparser
newsblur                          | NewsBlur
inoreader                         | inoreader
newsgator/                        | NewsGator
newsgator fetchlinks              | NewsGator FetchLinks extension | extension
blogtrottr                        | Blogtrottr
tiny tiny                         | Tiny Tiny RSS           | rss
freshrss                          | FreshRSS
miniflux                          | Miniflux
theoldreader.com                  | The Old Reader          | -
reedah                            | Reedah
simplepie                         | SimplePie
magpierss                         | MagpieRSS
wordpress                         | WordPress
`

// toolRules are tools of the command line and libraries of scripts and servers.
const toolRules = `
curl                              | curl
pycurl                            | PycURL
wget2                             | wget2
wget                              | Wget
httpie                            | HTTPie
aria2                             | aria2
python-requests & !reciperadar    | Python Requests
python-urllib                     | Python-urllib
python-urllib3                    | python-urllib3
python-httpx                      | python-httpx
aiohttp                           | Python aiohttp
go-http-client                    | Go-http-client
go package                        | Go-http-client          | -
apache-httpclient                 | Apache-HttpClient
apache-httpasyncclient            | Apache-HttpClient
jakarta commons-httpclient        | Apache-HttpClient
google-http-java-client           | Google-HTTP-Java-Client
aws-sdk-java                      | aws-sdk-java
aws-cli                           | aws-cli
reactornetty                      | ReactorNetty
minio-go                          | minio-go
libwww-perl                       | libwww-perl
lwp-trivial                       | lwp-trivial
lwp::simple                       | LWP::Simple
guzzlehttp                        | GuzzleHttp
postmanruntime                    | PostmanRuntime
insomnia/                         | insomnia
node-fetch                        | node-fetch
undici                            | undici
axios                             | axios
got/                              | got
faraday                           | Faraday
mechanize                         | Mechanize
winhttp                           | WinHTTP
microsoft-cryptoapi               | Microsoft-CryptoAPI
windows-update-agent              | Windows-Update-Agent
java/ & !mozilla & !jnlp & !josm & !obigo & !profile & !cloudfoundryjavaclient | Java
libfetch                          | libfetch
portscout                         | portscout
xenu link                         | Xenu Link Sleuth        | sleuth
indy library                      | Indy Library            | -
http_request2                     | HTTP_Request2
apachebench                       | ApacheBench
siege                             | Siege
k6/                               | k6
wrk/                              | wrk
jmeter                            | JMeter
chef client                       | Chef Client
chef knife                        | Chef Knife
`

// browserRules are the browsers that stand for themselves.
const browserRules = `
trident=7 & !opera                | IE                      | =11.0
trident=8 & !opera                | IE                      | =11.0
trident=6 & !opera                | IE                      | =10.0
trident=5 & !opera                | IE                      | =9.0
trident=4 & !opera                | IE                      | =8.0
opera                             | Opera
msie                              | IE
firefox & mobile                  | Firefox Mobile
firefox & tablet                  | Firefox Mobile
firefox & android                 | Firefox Mobile
fennec                            | Firefox Mobile
firefox                           | Firefox
chromium                          | Chromium
chrome & wv                       | Chrome Mobile WebView
chrome & version & android        | Chrome Mobile WebView
chrome & mobile                   | Chrome Mobile
chrome                            | Chrome
applewebkit & iphone & !safari    | Mobile Safari UI/WKWebView | -
applewebkit & ipad & !safari      | Mobile Safari UI/WKWebView | -
applewebkit & ipod & !safari      | Mobile Safari UI/WKWebView | -
applewebkit & macintosh & !safari | Apple Mail
safari & android                  | Android                 | android
applewebkit & android             | Android                 | android
safari & iphone                   | Mobile Safari           | version
safari & ipad                     | Mobile Safari           | version
safari & ipod                     | Mobile Safari           | version
safari & mobile                   | Mobile Safari           | version
safari                            | Safari                  | version
`
