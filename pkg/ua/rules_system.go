package ua

// systemRules are the operating systems.
const systemRules = `
windows phone & phone os          | Windows Phone           | phone os
windows phone                     | Windows Phone
xblwp7                            | Windows Phone           | -
wds                               | Windows Phone
windows mobile                    | Windows Mobile          | -
windows ce                        | Windows                 | =CE
windowsce                         | Windows                 | =CE
playstation                       |                         | -
nintendo                          |                         | -
windows nt=6.2 & arm              | Windows                 | =RT
windows nt=6.3 & arm              | Windows                 | =RT 8.1
windows nt=10                     | Windows                 | =10
windows nt=6.4                    | Windows                 | =10
windows nt=6.3                    | Windows                 | =8.1
windows nt=6.2                    | Windows                 | =8
windows nt=6.1                    | Windows                 | =7
windows nt=6.0                    | Windows                 | =Vista
windows nt=5.2                    | Windows                 | =XP
windows nt=5.1                    | Windows                 | =XP
windows nt=5                      | Windows                 | =2000
windows nt                        | Windows                 | =NT
windows vista                     | Windows                 | =Vista
windows xp                        | Windows                 | =XP
win 9x                            | Windows                 | =ME
windows=2000                      | Windows                 | =2000
windows=98                        | Windows                 | =98
windows=95                        | Windows                 | =95
windows=3.1                       | Windows                 | =3.1
win=98                            | Windows                 | =98
win=95                            | Windows                 | =95
windows me                        | Windows                 | =ME
winnt                             | Windows                 | =NT
win nt                            | Windows                 | =NT
win=3                             | Windows                 | =3.1
win=16                            | Windows                 | =3.1
win=32                            | Windows                 | =95
windows/                          | Windows
windows=7                         | Windows                 | =7
windows=8                         | Windows
windows=10                        | Windows                 | =10
windows=11                        | Windows                 | =11
apple tv & cpu os                 | ATV OS X                | -
watchos                           | WatchOS
tvos                              | tvOS
viafree-tvos-dk                   | tvOS                    | tvos
iphone os                         | iOS
cpu os                            | iOS
cpu iphone                        | iOS
iph os                            | iOS
ios                               | iOS
ipad os                           | iOS
ipd os                            | iOS
fbios                             | iOS                     | fbsv
edgios                            | iOS                     | -
crios                             | iOS                     | -
fxios                             | iOS                     | -
roku                              | Roku
crkey & fuchsia                   | Chromecast Fuchsia      | crkey
crkey & devicetype & smartspeaker | Chromecast SmartSpeaker | crkey
crkey & android                   | Chromecast Android      | android
crkey                             | Chromecast Linux
googletv                          | GoogleTV
harmonyos                         | HarmonyOS
openharmony                       | HarmonyOS
kaios                             | KaiOS
tizen                             | Tizen
web0s                             | Web0S                   | -
webos                             | webOS
hpwos                             | webOS
sailfish                          | Sailfish
windows & !windows nt             | Windows                 | -
blackberry & !opera               | BlackBerry OS           | version
blackberry                        | BlackBerry OS           | -
bb10                              | BlackBerry OS           | version
tablet os                         | BlackBerry Tablet OS
symbianos                         | Symbian OS
symbian                           | Symbian^3               | -
symbos                            | Symbian OS
series60                          | Symbian OS              | -
s60                               | Symbian OS              | -
s60v3                             | Symbian OS              | -
s60v5                             | Symbian OS              | -
series=60                         | Symbian OS              | -
series40                          | Nokia Series 40         | -
series30plus                      | Nokia Series 30 Plus    | -
bada                              | Bada
brew mp                           | Brew MP
bmp                               | Brew MP
brew                              | BREW
meego                             | MeeGo                   | -
maemo                             | Maemo                   | -
kindle & !build                   | Kindle
silk                              | Android                 | android
oculusbrowser                     | Android                 | android
android                           | Android
adr                               | Android
dalvik                            | Android                 | android
juc                               | Android                 | -
cfnetwork & x86_64                | Mac OS X                | -
cfnetwork & i386                  | Mac OS X                | -
cfnetwork & darwin=9              | iOS                     | =1
cfnetwork & darwin=10             | iOS                     | =4
cfnetwork & darwin=11             | iOS                     | =5
cfnetwork & darwin=13             | iOS                     | =6
cfnetwork=672 & darwin=14         | iOS                     | =7
cfnetwork & darwin=14             | iOS                     | =8
cfnetwork & darwin=15             | iOS                     | =9
cfnetwork & darwin=16             | iOS                     | =10
cfnetwork & darwin=17             | iOS                     | =11
cfnetwork & darwin=18             | iOS                     | =12
cfnetwork & darwin=19             | iOS                     | =13
cfnetwork & darwin=20             | iOS                     | =14
cfnetwork & darwin=21             | iOS                     | =15
cfnetwork & darwin=22             | iOS                     | =16
cfnetwork & darwin=23             | iOS                     | =17
cfnetwork & darwin=24             | iOS                     | =18
cfnetwork & darwin=25             | iOS                     | =26
iphone                            | iOS                     | -
ipad                              | iOS                     | -
ipod                              | iOS                     | -
outlook-ios                       | iOS                     | -
firefox & mobile & !linux & !mac os & !x11 | Firefox OS     | -
firefox & tablet & !linux & !mac os & !x11 | Firefox OS     | -
mac os                            | Mac OS X                | os x
macos x                           | Mac OS X
macos                             | Mac OS X
os x                              | Mac OS X
mac_powerpc                       | Mac OS                  | -
macintosh                         | Mac OS X                | -
cros x86_64                       | Chrome OS
cros i686                         | Chrome OS
cros aarch64                      | Chrome OS
cros armv7l                       | Chrome OS
cros                              | Chrome OS
webtv                             | WebTV
wetab-browser                     | WeTab                   | -
freebsd                           | FreeBSD
openbsd                           | OpenBSD
netbsd                            | NetBSD
dragonfly                         | DragonFly BSD
bsd                               | BSD                     | -
sunos                             | Solaris                 | -
serenityos                        | SerenityOS
ubuntu                            | Ubuntu
fedora                            | Fedora
centos                            | CentOS
red hat                           | Red Hat
suse                              | SUSE
debian                            | Debian                  | -
mandriva                          | Mandriva
gentoo                            | Gentoo
linux mint                        | Linux Mint
linux                             | Linux
x11                               | Linux                   | -
linux-gnu                         | Linux                   | -
`

// deviceRules are the kinds of device.
const deviceRules = `
playstation                       | console
playstation vita                  | console
xbox                              | console
nintendo                          | console
nintendo wii                      | console
nintendo 3ds                      | console
nintendo switch                   | console
steam deck                        | console
smart-tv                          | tv
smarttv                           | tv
smart tv                          | tv
hbbtv                             | tv
googletv                          | tv
google tv                         | tv
android tv                        | tv
apple tv                          | tv
appletv                           | tv
tvos                              | tv
crkey                             | tv
roku                              | tv
bravia                            | tv
netcast                           | tv
web0s                             | tv
webtv                             | tv
aftb                              | tv
afts                              | tv
aftt                              | tv
aftn                              | tv
aftm                              | tv
aftmm                             | tv
aftka                             | tv
aftr                              | tv
aftss                             | tv
omi                               | tv
dtv                               | tv
nettv                             | tv
viera                             | tv
ipad                              | tablet
tablet & !tablet pc               | tablet
playbook                          | tablet
touchpad                          | tablet
kindle                            | tablet
opera tablet                      | tablet
silk & !mobile                    | tablet
iphone                            | mobile
ipod                              | mobile
ipod touch                        | mobile
windows phone                     | mobile
iemobile                          | mobile
xblwp7                            | mobile
windows mobile                    | mobile
windows ce                        | mobile
windowsce                         | mobile
opera mini                        | mobile
opera mobi                        | mobile
watchos                           | mobile
blackberry                        | mobile
bb10                              | mobile
symbianos                         | mobile
symbian                           | mobile
symbos                            | mobile
series60                          | mobile
series=60                         | mobile
series40                          | mobile
series30plus                      | mobile
bada                              | mobile
brew                              | mobile
meego                             | mobile
maemo                             | mobile
kaios                             | mobile
profile                           | mobile
j2me                              | mobile
midp                              | mobile
ucweb                             | mobile
fbios                             | mobile
crios                             | mobile
dalvik                            | mobile
android & mobile                  | mobile
android & applewebkit             | tablet
android & gecko                   | tablet
android                           | mobile
adr                               | mobile
ios                               | mobile
iphone os                         | mobile
cpu os                            | mobile
cfnetwork & !x86_64 & !i386       | mobile
mobile                            | mobile
cfnetwork & x86_64                | desktop
cfnetwork & i386                  | desktop
lynx                              | desktop
links                             | desktop
elinks                            | desktop
w3m                               | desktop
windows nt                        | desktop
windows                           | desktop
win                               | desktop
winnt                             | desktop
win nt                            | desktop
win 9x                            | desktop
macintosh                         | desktop
mac os                            | desktop
macos                             | desktop
mac_powerpc                       | desktop
cros                              | desktop
x11                               | desktop
linux & mozilla                   | desktop
linux & opera                     | desktop
ubuntu & mozilla                  | desktop
freebsd                           | desktop
openbsd                           | desktop
netbsd                            | desktop
serenityos                        | desktop
`
