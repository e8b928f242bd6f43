package gen

// This file describes the course site whose access log is made: what is asked
// for, how often, and what is answered. Weights are relative to each other.

const (
	toCourse = iota
	toVideo
	toStatic
	toSearch
	toProgress
	toHome
	toProbe
)

var routes = []struct {
	weight uint64
	to     int
}{
	{45, toCourse}, {33, toVideo}, {9, toStatic}, {5, toSearch}, {3, toProgress}, {4, toHome}, {1, toProbe},
}

// Indexes into statusMixes.
const (
	mixPage = iota
	mixVideo
	mixStatic
	mixAPI
	mixProbe
)

type status struct {
	weight uint64
	code   int
}

var statusMixes = [...][]status{
	mixPage: {{860, 200}, {40, 304}, {25, 301}, {15, 302}, {30, 404}, {6, 403}, {4, 400}, {3, 401},
		{8, 500}, {4, 502}, {3, 503}, {2, 499}},
	mixVideo: {{700, 200}, {200, 206}, {20, 304}, {25, 404}, {12, 403}, {3, 416}, {6, 500}, {4, 502},
		{6, 503}, {24, 499}},
	mixStatic: {{640, 200}, {340, 304}, {15, 404}, {3, 499}, {2, 503}},
	mixAPI: {{900, 200}, {20, 400}, {25, 401}, {10, 404}, {15, 429}, {16, 500}, {6, 502}, {5, 503},
		{3, 504}},
	mixProbe: {{900, 404}, {80, 403}, {20, 400}},
}

var protos = []struct {
	weight uint64
	text   string
}{
	{68, "HTTP/1.1"}, {30, "HTTP/2.0"}, {2, "HTTP/1.0"},
}

var staticFiles = []struct {
	path string
	size int64
}{
	{"/static/app.js", 184_233}, {"/static/app.css", 42_118}, {"/static/vendor.js", 512_907},
	{"/static/logo.svg", 3_482}, {"/static/fonts/inter.woff2", 98_868}, {"/favicon.ico", 15_086},
	{"/robots.txt", 126}, {"/static/img/banner.webp", 76_540},
}

// terms are search terms, the most frequent first.
var terms = []string{"spark", "kafka", "hadoop", "flink", "scala", "go+channels", "machine+learning",
	"sql%20window", "flume", "docker", "r%C3%A9gression", "zookeeper"}

// probes are what scanners look for.
var probes = []string{"/wp-login.php", "/.env", "/admin/config.php", "/phpmyadmin/index.php", "/.git/config"}

var referers = []struct {
	weight uint64
	text   string
}{
	{340, ""},
	{220, "https://www.example.com/course/list"},
	{110, "https://www.example.com/"},
	{130, "https://www.google.com/"},
	{60, "https://www.baidu.com/link?url=b7Jx0kQm3Zr"},
	{40, "https://www.bing.com/search?q=spark+streaming"},
	{30, "https://t.co/Xk29dQ1sLp"},
	{25, "https://duckduckgo.com/"},
	{20, "https://yandex.ru/clck/jsredir?from=yandex.ru;search"},
	{15, "https://news.example.org/item?id=39847120"},
	{10, "android-app://com.google.android.gm/"},
}
