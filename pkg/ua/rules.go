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
// it (robot.go), tools, apps, browsers. Systems and devices are tables of their
// own (rules_system.go).

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

// appRules are browsers that name the one they are made from too, and apps with
// a browser inside.
const appRules = `
// apps
messengerforios                   | Facebook Messenger      | fbav
fb_iab & messenger                | Facebook Messenger      | fbav
orca-android                      | Facebook Messenger      | fbav
fban                              | Facebook                | fbav
fbav                              | Facebook
fb_iab                            | Facebook                | fbav
instagram                         | Instagram
micromessenger                    | WeChat Browser
wxwork                            | WeChat Browser          | micromessenger
line/                             | LINE
snapchat                          | Snapchat
pinterest for                     | Pinterest               | android
pinterest                         | Pinterest
twitterandroid                    | Twitter
twitter for                       | Twitter                 | -
twitter/                          | Twitter
linkedinapp                       | LinkedIn
musical_ly                        | TikTok
trill                             | TikTok
bytedancewebview                  | TikTok                  | -
bytelocale                        | TikTok                  | -
kakaotalk                         | KakaoTalk
telegram-android                  | Telegram
flipboard/                        | Flipboard
flipboard-briefing/               | Flipboard-Briefing
onefootball/                      | Onefootball
weibo                             | Weibo
weibointlios_iphone               | Weibo                   | -
topbuzz                           | TopBuzz
pandora/                          | Pandora
spotify/                          | Spotify
slack_ssb                         | Slack Desktop Client
slack/                            | Slack Desktop Client
teams/ & !teamsmobile             | Microsoft Teams
hipchat                           | HipChat Desktop Client
boxnotes                          | BoxNotes
oktamobile                        | OktaMobile
robloxapp/                        | Roblox App
roblox android                    | Roblox App              | app
phantom/ & mozilla & !browser     | Phantom
1password/                        | 1Password
grindr/                           | Grindr
steam gameoverlay                 | Steam GameOverlay       | chrome
steam deck                        | Steam Deck              | chrome
valve steam                       | Steam Client            | chrome
valve client                      | Steam Client            | chrome
obs/                              | OBS Studio
citizenfx                         | CitizenFX
r2client                          | R2Client
adobecep                          | Adobe CEP
creativecloud                     | Adobe CreativeCloud
mirall                            | Nextcloud               | -
owncloud-android                  | Owncloud
android@ & ecosia                 | Ecosia Android
ios@ & ecosia                     | Ecosia iOS
jnlp                              | JNLP
josm                              | JOSM
qgis/                             | QGIS
atc/ & watchos                    | Apple Watch App
arcgis-collector                  | Collector for ArcGIS
arcgis-aurora                     | Collector for ArcGIS
arcgis-explorer                   | Explorer for ArcGIS
arcgis-workforce                  | Workforce for ArcGIS
arcgisearth                       | ArcGIS Earth
com.esri.earth.phone              | ArcGIS Earth
arcgisruntime-android             | ArcGIS Runtime SDK for Android
arcgisruntime-ios                 | ArcGIS Runtime SDK for iOS
arcgisruntime-qt                  | ArcGIS Runtime SDK for Qt
arcgisruntime-net                 | ArcGIS Runtime SDK for NET
espn radio                        | ESPN
viafree-dk                        | ViaFree
viafree-tvos-dk                   | ViaFree
// mail
thunderbrowse                     | ThunderBrowse
thunderbird                       | Thunderbird
postbox                           | Postbox
kmail2                            | kmail2
lotus-notes                       | Lotus Notes
outlook-ios-android               | Outlook-iOS-Android
outlook-ios                       | Outlook-iOS
outlook-express                   | Windows Live Mail       | -
office outlook=12                 | Outlook                 | =2007
office outlook=14                 | Outlook                 | =2010
office outlook=15                 | Outlook                 | =2013
microsoft outlook=14              | Outlook                 | =2010
microsoft outlook=15              | Outlook                 | =2013
microsoft outlook=16              | Outlook                 | =2016
msoffice=12                       | Outlook                 | =2007
msoffice=14                       | Outlook                 | =2010
msoffice=15                       | Outlook                 | =2013
msoffice=16                       | Outlook                 | =2016
exchangewebservices               | ExchangeWebServices
// browsers made from Chromium, WebKit or Gecko
edgios                            | Edge Mobile
edga                              | Edge Mobile
edg/                              | Edge
edge/ & mobile                    | Edge Mobile
edge/                             | Edge
ucbrowser                         | UC Browser
uc browser                        | UC Browser
ucweb                             | UC Browser
ucmobile                          | UC Browser
ubrowser                          | UC Browser
opios                             | Opera Mini
opera mini                        | Opera Mini
opera tablet                      | Opera Tablet            | version
opera mobi & version              | Opera Mobile            | version
opera mobi                        | Opera Mobile            | opera
opera/ & version & !mozilla       | Opera                   | version
opr/ & mobile                     | Opera Mobile
opr/                              | Opera
opx/                              | Opera GX
opt/                              | Opera Touch
coast/                            | Opera Coast
crios                             | Chrome Mobile iOS
fxios                             | Firefox iOS
focus/ & ios                      | Firefox Focus
klar/                             | Firefox Klar
gsa/                              | Google
oculusbrowser                     | Oculus Browser
samsungbrowser                    | Samsung Internet
yasearchbrowser                   | Yandex Browser
yabrowser                         | Yandex Browser
vivaldi                           | Vivaldi
brave/                            | Brave
brave chrome                      | Brave
brave & iphone                    | Brave
brave & ipad                      | Brave
duckduckgo/                       | DuckDuckGo Mobile
ddg/ & mobile                     | DuckDuckGo Mobile
ddg/                              | DuckDuckGo
silk/ & playstation vita          | NetFront NX             | -
silk/                             | Amazon Silk
huaweibrowser                     | Huawei Browser
honorbrowser                      | Honor Browser
bdhonorbrowser                    | Honor Browser
miuibrowser                       | MiuiBrowser
browser/ & mint                   | Mint Browser
vivobrowser                       | VivoBrowser
heytapbrowser                     | HeyTap Browser
hibrowser                         | HiBrowser
phx/                              | Phoenix Browser
mqqbrowser & mini                 | QQ Browser Mini         | mini
mqqbrowser                        | QQ Browser Mobile
qqbrowser                         | QQ Browser
360se                             | 360 Secure Browser
qihu 360se                        | 360 Secure Browser
qihu 360sei18n                    | 360 Secure Browser
qihu 360ee                        | 360 Secure Browser
qihu 360ent                       | 360 Secure Browser
qihu                              | 360 Secure Browser      | -
baidubrowser                      | Baidu Browser
bidubrowser                       | Baidu Browser
baiduboxapp                       | Baidu Explorer
flyflow                           | Baidu Explorer
metasr                            | Sogou Explorer
quarkpc                           | Quark PC
quark/                            | Quark
slbrowser                         | Smart Lenovo Browser
qaxbrowser                        | QAX Browser
115browser                        | 115 Browser
coc_coc_browser                   | Coc Coc
whale/                            | Whale
sznprohlizec                      | Seznam prohlížeč
puffin/                           | Puffin
maxthon                           | Maxthon
mxbrowser                         | Maxthon
avast/                            | Avast Secure Browser
avastsecurebrowser                | Avast Secure Browser
avg/                              | AVG
avira/                            | Avira
ccleaner/                         | CCleaner
norton/                           | Norton
alohabrowser                      | Aloha Browser
instabridge                       | Instabridge
mobileiron                        | MobileIron
crosswalk                         | Crosswalk
iron                              | Iron
comodo_dragon                     | Comodo Dragon
dragon/                           | Dragon
rockmelt                          | RockMelt
atom/                             | Atom Browser
decentr                           | Decentr Web3 Browser
sparrow                           | Sparrow Browser
aolshield                         | AOL Shield Browser
adg/                              | AOL Desktop Gold Browser
hola/                             | Hola Browser
cravingexplorer                   | Craving Explorer Browser
talon                             | Talon Cyber Security Browser
sberbrowser                       | Sber Browser
jisu/                             | JiSu Browser
odin/                             | Odin
lite browser                      | Lite Browser
tenta/                            | Tenta Browser
mrchrome                          | Mail.ru Chromium Browser
chromium gost                     | Chromium GOST Browser
wolvic                            | Wolvic Browser
sailfishbrowser                   | Sailfish Browser
mypal                             | Mypal Browser
palemoon                          | Pale Moon
waterfox                          | Waterfox
basilisk                          | Basilisk
k-meleon                          | K-Meleon
camino                            | Camino
seamonkey                         | SeaMonkey
iceweasel                         | Iceweasel
iceape                            | Iceape
icecat                            | IceCat
shiretoko                         | Firefox (Shiretoko)
minefield                         | Firefox (Minefield)
namoroka                          | Firefox (Namoroka)
epiphany                          | Epiphany
galeon                            | Galeon
flock                             | Flock
netscape                          | Netscape
netscape6                         | Netscape                | netscape6
navigator/                        | Netscape
phoenix/ & gecko                  | Phoenix
firebird & gecko                  | Firebird
camoufox                          | Camoufox
dolphin                           | Dolphin
dolphinhdcn                       | Dolphin
mdolphin                          | mDolphin
dolfin                            | Dolfin
omi/                              | Vewd Browser
thano                             | SmartTV WebBrowser
netcast & smarttv/                | NetCast Smart TV        | colt
espial                            | Espial
hbbtv                             | HbbTV
qtwebengine                       | Qt Web Engine
qtcarbrowser                      | QtCarBrowser
qutebrowser                       | qutebrowser
qupzilla                          | QupZilla
falkon                            | Falkon
otter                             | Otter
rekonq                            | Rekonq
midori                            | Midori
konqueror                         | Konqueror
omniweb                           | OmniWeb
icab                              | iCab
shiira                            | Shiira
arora                             | Arora
uzbl                              | Uzbl
luakit                            | LuaKit
snowshoe                          | Snowshoe
skyfire                           | Skyfire
bolt/                             | BOLT
fireweb                           | FireWeb
wetab-browser                     | WeTab
ladybird                          | Ladybird
adobeair                          | AdobeAIR
kindle/ & !build                  | Kindle
wosbrowser                        | webOS Browser           | hpwos
webos/ & desktop                  | webOS Browser           | webos
s40ovibrowser                     | Ovi Browser
nokiabrowser                      | Nokia Browser
browserng                         | Nokia Browser
series60 & applewebkit=413        | Nokia OSS Browser       | series60
playbook                          | BlackBerry WebKit       | version
blackberry & applewebkit          | BlackBerry WebKit       | version
bb10                              | BlackBerry WebKit       | version
nintendobrowser                   | NetFront NX             | nx
nintendo 3ds                      | NetFront NX             | -
playstation & applewebkit         | NetFront NX             | -
playstation                       | NetFront                | -
netfront                          | NetFront
acs-netfront                      | NetFront
obigo                             | Obigo
obigo-browser                     | Obigo
obigointernetbrowser              | Obigo
obigo-q                           | Obigo
teleca-q                          | Teleca Browser
openwave/ & !chrome               | Openwave
up.browser                        | UP.Browser
onebrowser                        | ONE Browser
ncsa_mosaic                       | NCSA Mosaic
planetweb                         | Planetweb
webtv                             | WebTV
sleipnir                          | Sleipnir
avant browser                     | Avant
aol                               | AOL
chromeframe/                      | Chrome Frame
xblwp7                            | IE Large Screen         | msie
iemobile                          | IE Mobile
safari/ & cfnetwork               | Safari
cfnetwork & safari                | CFNetwork
electron & !slack                 | Electron
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
