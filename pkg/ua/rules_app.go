package ua

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
