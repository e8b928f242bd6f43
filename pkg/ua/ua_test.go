package ua

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const (
	android = "Mozilla/5.0 (Linux; Android 13; SM-S901B) AppleWebKit/537.36 (KHTML, like Gecko) "
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
	mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
)

func TestBrowsers(t *testing.T) {
	for _, test := range []struct {
		agent string
		want  Client
	}{
		{windows + "Chrome/120.0.0.0 Safari/537.36", Client{"Chrome", "120.0.0.0", "Windows", "10", Desktop, false}},
		{windows + "Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.61", Client{"Edge", "120.0.2210.61", "Windows", "10", Desktop, false}},
		{windows + "Chrome/120.0.0.0 Safari/537.36 OPR/106.0.0.0", Client{"Opera", "106.0.0.0", "Windows", "10", Desktop, false}},
		{windows + "Chrome/120.0.0.0 Safari/537.36 Vivaldi/6.5.3206.39", Client{"Vivaldi", "6.5.3206.39", "Windows", "10", Desktop, false}},
		{windows + "Chrome/120.0.0.0 YaBrowser/24.1.0 Safari/537.36", Client{"Yandex Browser", "24.1.0", "Windows", "10", Desktop, false}},
		{windows + "Chrome/86.0.4240.198 Safari/537.36 QIHU 360SE", Client{"360 Secure Browser", "", "Windows", "10", Desktop, false}},
		{"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", Client{"IE", "11.0", "Windows", "7", Desktop, false}},
		{"Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Trident/5.0; Tablet PC 2.0)", Client{"IE", "9.0", "Windows", "7", Desktop, false}},
		{"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", Client{"Firefox", "121.0", "Ubuntu", "", Desktop, false}},
		{"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36", Client{"Chrome", "120.0.0.0", "Chrome OS", "14541.0.0", Desktop, false}},
		{"Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.16", Client{"Opera", "12.16", "Windows", "7", Desktop, false}},
		{mac + "Version/17.2 Safari/605.1.15", Client{"Safari", "17.2", "Mac OS X", "10.15.7", Desktop, false}},
		{iphone + "Version/17.4.1 Mobile/15E148 Safari/604.1", Client{"Mobile Safari", "17.4.1", "iOS", "17.4.1", Mobile, false}},
		{iphone + "CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1", Client{"Chrome Mobile iOS", "123.0.6312.52", "iOS", "17.4.1", Mobile, false}},
		{iphone + "FxiOS/124.0 Mobile/15E148 Safari/605.1.15", Client{"Firefox iOS", "124.0", "iOS", "17.4.1", Mobile, false}},
		{iphone + "Version/17.0 EdgiOS/122.0.2365.99 Mobile/15E148 Safari/605.1.15", Client{"Edge Mobile", "122.0.2365.99", "iOS", "17.4.1", Mobile, false}},
		{iphone + "Version/17.4 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15", Client{"DuckDuckGo Mobile", "7", "iOS", "17.4.1", Mobile, false}},
		{iphone + "Mobile/15E148", Client{"Mobile Safari UI/WKWebView", "", "iOS", "17.4.1", Mobile, false}},
		{strings.ReplaceAll(iphone+"Version/17.4.1 Mobile/15E148 Safari/604.1", " ", "+"), Client{"Mobile Safari", "17.4.1", "iOS", "17.4.1", Mobile, false}},
		{"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1", Client{"Mobile Safari", "16.6", "iOS", "16.6", Tablet, false}},
		{android + "Chrome/120.0.6099.43 Mobile Safari/537.36", Client{"Chrome Mobile", "120.0.6099.43", "Android", "13", Mobile, false}},
		{android + "Chrome/120.0.6099.43 Safari/537.36", Client{"Chrome", "120.0.6099.43", "Android", "13", Tablet, false}},
		{android + "SamsungBrowser/21.0 Chrome/110.0.5481.154 Mobile Safari/537.36", Client{"Samsung Internet", "21.0", "Android", "13", Mobile, false}},
		{android + "Chrome/120.0.0.0 Mobile Safari/537.36 EdgA/120.0.2210.61", Client{"Edge Mobile", "120.0.2210.61", "Android", "13", Mobile, false}},
		{android + "Chrome/123.0.6312.80 HuaweiBrowser/15.0.4.312 Mobile Safari/537.36", Client{"Huawei Browser", "15.0.4.312", "Android", "13", Mobile, false}},
		{android + "Version/4.0 Chrome/100.0.4896.58 UCBrowser/13.4.0.1306 Mobile Safari/537.36", Client{"UC Browser", "13.4.0.1306", "Android", "13", Mobile, false}},
		{"Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/108.4.6 like Chrome/108.0.5359.220 Safari/537.36", Client{"Amazon Silk", "108.4.6", "Android", "9", Tablet, false}},
		{"Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36", Client{"Chrome Mobile", "120.0.0.0", "Android", "12", Mobile, false}},
		{"Mozilla/5.0 (Linux; Android 13; motorola edge 30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36", Client{"Chrome Mobile", "120.0.0.0", "Android", "13", Mobile, false}},
		{"Mozilla/5.0 (Android 14; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0", Client{"Firefox Mobile", "121.0", "Android", "14", Mobile, false}},
		{"Mozilla/5.0 (SMART-TV; Linux; Tizen 2.3) AppleWebkit/538.1 (KHTML, like Gecko) SamsungBrowser/1.0 TV Safari/538.1", Client{"Samsung Internet", "1.0", "Tizen", "2.3", TV, false}},
		{"Mozilla/5.0 (PlayStation 4 3.11) AppleWebKit/537.73 (KHTML, like Gecko)", Client{"NetFront NX", "", "", "", Console, false}},
	} {
		if got := Parse(test.agent); got != test.want {
			t.Errorf("Parse(%q)\n got %+v\nwant %+v", test.agent, got, test.want)
		}
	}
}

func TestApps(t *testing.T) {
	for _, test := range []struct {
		agent string
		want  Client
	}{
		{"Mozilla/5.0 (Linux; Android 13; Pixel 7 Build/TQ3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.6099.43 Mobile Safari/537.36", Client{"Chrome Mobile WebView", "120.0.6099.43", "Android", "13", Mobile, false}},
		{iphone + "Mobile/21E236 Instagram 325.0.3.34.90 (iPhone14,5; iOS 17_4_1; en_US)", Client{"Instagram", "325.0.3.34.90", "iOS", "17.4.1", Mobile, false}},
		{iphone + "Mobile/21E236 [FBAN/FBIOS;FBAV/455.0.0.42.110;FBBV/570]", Client{"Facebook", "455.0.0.42.110", "iOS", "17.4.1", Mobile, false}},
		{android + "Version/4.0 Chrome/120.0.0.0 Mobile Safari/537.36 Line/13.20.0/IAB", Client{"LINE", "13.20.0", "Android", "13", Mobile, false}},
		{android + "Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.44.2502(0x28002C51)", Client{"WeChat Browser", "8.0.44.2502", "Android", "13", Mobile, false}},
		{"okhttp/4.12.0", Client{"okhttp", "4.12.0", "", "", "", false}},
		{"Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A)", Client{"Dalvik", "2.1.0", "Android", "13", Mobile, false}},
		{"MyPaper/3.2 CFNetwork/1494.0.7 Darwin/23.4.0", Client{"MyPaper", "3.2", "iOS", "17", Mobile, false}},
	} {
		if got := Parse(test.agent); got != test.want {
			t.Errorf("Parse(%q)\n got %+v\nwant %+v", test.agent, got, test.want)
		}
	}
}

func TestRobots(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.0; +https://openai.com/gptbot)":                                               "GPTBot 1.0",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)":                                              "ClaudeBot 1.0",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                                                             "Googlebot 2.1",
		android + "Chrome/120.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                         "Googlebot 2.1",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/103.0 Safari/537.36 Edg/103.0.1": "bingbot 2.0",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)":                                                                                   "AhrefsBot 7.0",
		"Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.com)":                                                                                                   "Ezooms 1.0",
		"Mozilla/5.0 (compatible; Frobnicate/1.2; +http://example.com/)":                                                                                       "Frobnicate 1.2",
		"Speedy Spider (http://www.entireweb.com/about/search_tech/speedy_spider/)":                                                                            "Speedy Spider ",
		"EDI/1.6.0 (Edacious & Intelligent Web Crawler)":                                                                                                       "EDI 1.6.0",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36":                                        "HeadlessChrome 120.0.0.0",
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)":                                                                            "FacebookBot 1.1",
		"curl/8.4.0":                             "curl 8.4.0",
		"Wget/1.21.4":                            "Wget 1.21.4",
		"python-requests/2.31.0":                 "Python Requests 2.31.0",
		"Go-http-client/1.1":                     "Go-http-client 1.1",
		"Apache-HttpClient/4.5.14 (Java/17.0.9)": "Apache-HttpClient 4.5.14",
		"Java/17.0.6":                            "Java 17.0.6",
		"kube-probe/1.27":                        "kube-probe 1.27",
		"ELB-HealthChecker/2.0":                  "ELB-HealthChecker 2.0",
		"Prometheus/2.45.0":                      "Prometheus 2.45.0",
		"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)": "UptimeRobot 2.0",
		"UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/":            "UniversalFeedParser 4.2",
		"Tiny Tiny RSS/1.11 (http://tt-rss.org/)":                                "Tiny Tiny RSS 1.11",
		"Feedbin - 1 subscribers":                                                "Feedbin ",
	} {
		got := Parse(agent)
		if got.Browser+" "+got.BrowserVersion != want || !got.Bot || got.Device != Robot {
			t.Errorf("Parse(%q) = %+v, want %q", agent, got, want)
		}
	}
}

func TestNothingToTell(t *testing.T) {
	for _, agent := range []string{"", "-", " ", "Mozilla/4.0", "Mozilla/5.0 (compatible;)", "() { :;}; /bin/bash -c id", "&as_qdr=all", "<script>alert(1)</script>", "\x00\x01", "()", "(", "/", ";;"} {
		if got := Parse(agent); got != (Client{}) {
			t.Errorf("Parse(%q) = %+v", agent, got)
		}
	}
}

func TestLongAgent(t *testing.T) {
	for _, tail := range []string{strings.Repeat("a", 1<<20), strings.Repeat("é", 1<<10), strings.Repeat("(", 1<<16), strings.Repeat(" x/1", 1<<16)} {
		got := Parse(windows + "Chrome/120.0.0.0 Safari/537.36 " + tail)
		if got.Browser != "Chrome" || got.OS != "Windows" {
			t.Errorf("with a long tail: %+v", got)
		}
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "17_4_1": "17.4.1", "v1.2": "1.2", "1.2.": "1.2", "1..2": "1", "1.x": "1", "4.0b4": "4.0", "x": "", ".5": "", "120.0.0.0": "120.0.0.0", "1_": "1",
	} {
		if got := number(text); got != want {
			t.Errorf("number(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestRulesAreWellFormed holds what compile relies on.
func TestRulesAreWellFormed(t *testing.T) {
	kinds := map[string]bool{Desktop: true, Mobile: true, Tablet: true, TV: true, Console: true}
	for name, text := range map[string]string{
		"robots": robotRules, "tools": toolRules, "apps": appRules, "browsers": browserRules, "systems": systemRules, "devices": deviceRules,
	} {
		seen := map[string]bool{}
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "//") {
				continue
			}
			columns := strings.Split(line, "|")
			words := strings.TrimSpace(columns[0])
			switch {
			case len(columns) < 2 || len(columns) > 3:
				t.Errorf("%s: %q has %d columns", name, line, len(columns))
			case words == "" || words != strings.ToLower(words) || words[0] == '!':
				t.Errorf("%s: %q: words in small letters, the first without !", name, line)
			case seen[words]:
				t.Errorf("%s: %q is there twice", name, line)
			case name == "devices" && !kinds[strings.TrimSpace(columns[1])]:
				t.Errorf("%s: %q names no kind of device", name, line)
			}
			seen[words] = true
		}
	}
	for word := range rules().words { // as scan finds them
		if word == "" || strings.Contains(word, "/") || strings.Count(word, " ") > 1 {
			t.Errorf("no agent has the word %q", word)
		}
	}
	if n := len(rules().words); n > maxWords {
		t.Errorf("%d words, at most %d", n, maxWords)
	}
}

func FuzzParse(f *testing.F) {
	for _, agent := range []string{
		"", windows + "Chrome/120.0.0.0 Safari/537.36", iphone + "Mobile/15E148", "curl/8.4.0", "Mozilla/5.0 (compatible; Xbot/1.0; +http://x/)",
		"Opera/9.80 (J2ME/MIDP; Opera Mini/9.80 (J2ME/22.478; U; en) Presto/2.5.25", "Dalvik/2.1.0 (", "Mozilla/5.0 (X11) Gecko/1 é/1",
	} {
		f.Add(agent)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		got := Parse(agent)
		if again := Parse(strings.Clone(agent)); again != got {
			t.Errorf("Parse(%q) = %+v, then %+v", agent, got, again)
		}
		if got.Bot != (got.Device == Robot) {
			t.Errorf("Parse(%q) = %+v", agent, got)
		}
		for _, text := range []string{got.Browser, got.BrowserVersion, got.OS, got.OSVersion, got.Device} {
			if utf8.ValidString(agent) && !utf8.ValidString(text) {
				t.Errorf("Parse(%q) gives %q", agent, text)
			}
		}
		if strings.Trim(got.BrowserVersion, "0123456789.") != "" {
			t.Errorf("Parse(%q) gives version %q", agent, got.BrowserVersion)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, agent := range map[string]string{
		"chrome":  windows + "Chrome/120.0.0.0 Safari/537.36",
		"iphone":  iphone + "Version/17.4.1 Mobile/15E148 Safari/604.1",
		"samsung": android + "SamsungBrowser/21.0 Chrome/110.0.5481.154 Mobile Safari/537.36",
		"robot":   "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
		"library": "Mozilla/5.0 (X11; Linux x86_64; rv:2.0) Gecko/20110408 conkeror/0.9.3",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parse(agent)
			}
		})
	}
}
