package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/keystore"
)

// JavaSecurity holds the settings of Kafka's Java clients for TLS and SASL.
type JavaSecurity struct {
	protocol, mechanism string
	jaas                jaas
	tokenURL            string
	trust, key          javaStore
	trustText           string // PEM
	keyText, chainText  string
	keyPassword         string // of the key within its store
	hostCheck           string
}

type javaStore struct{ path, password, kind string }

// Describe describes the settings, whose names begin with prefix.
func (j *JavaSecurity) Describe(p *flume.Properties, prefix string) {
	p.Choice(&j.protocol, prefix+"security.protocol", "PLAINTEXT", []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}, "how to speak to the brokers")
	p.Choice(&j.mechanism, prefix+"sasl.mechanism", "GSSAPI", append(Mechanisms(), "GSSAPI"), "how to say who we are")
	p.Add(prefix+"sasl.jaas.config", &j.jaas, "the login module with username and password")
	p.String(&j.tokenURL, prefix+"sasl.oauthbearer.token.endpoint.url", "", "of OAUTHBEARER: file:///… with the token")
	j.trust.describe(p, prefix+"ssl.truststore.", "javax.net.ssl.trustStore", "FLUME_SSL_TRUSTSTORE", "the certificates that are trusted; none = the system's")
	j.key.describe(p, prefix+"ssl.keystore.", "javax.net.ssl.keyStore", "FLUME_SSL_KEYSTORE", "our certificate with its key")
	p.String(&j.trustText, prefix+"ssl.truststore.certificates", "", "the certificates that are trusted, in PEM")
	p.String(&j.chainText, prefix+"ssl.keystore.certificate.chain", "", "our certificate, in PEM")
	p.String(&j.keyText, prefix+"ssl.keystore.key", "", "its private key, in PEM")
	p.String(&j.keyPassword, prefix+"ssl.key.password", "", "the password of an encrypted key in PEM; in a store it has to be the store's")
	p.String(&j.hostCheck, prefix+"ssl.endpoint.identification.algorithm", "https", "https = the certificate has to bear the broker's name; empty = not")
	var unused map[string]string
	for _, family := range []string{"ssl.", "sasl."} {
		p.Family(&unused, prefix+family, "of security protocols").Without("it tunes the Java client")
	}
}

func (s *javaStore) describe(p *flume.Properties, prefix, property, variable, help string) {
	global := func(property, variable string) string {
		if value := p.System[property]; value != "" {
			return value
		}
		return os.Getenv(variable)
	}
	p.String(&s.path, prefix+"location", global(property, variable+"_PATH"), help)
	p.String(&s.password, prefix+"password", global(property+"Password", variable+"_PASSWORD"), "the password of that store")
	p.Choice(&s.kind, prefix+"type", "JKS", []string{"JKS", "PKCS12", "PEM"}, "what that file is; its first bytes tell too")
}

func (j *JavaSecurity) tls() bool  { return strings.HasSuffix(j.protocol, "SSL") }
func (j *JavaSecurity) sasl() bool { return strings.HasPrefix(j.protocol, "SASL") }

// Security is what they mean.
func (j *JavaSecurity) Security() Security {
	var s Security
	if j.tls() {
		s = Security{TLS: true, CA: j.trust.path, CAPassword: Secret(j.trust.password), CAText: Secret(j.trustText), Cert: j.key.path,
			KeyPassword: Secret(j.passwordOfKey()), CertText: Secret(j.chainText), KeyText: Secret(j.keyText), AnyServerName: j.hostCheck == ""}
	}
	if j.sasl() {
		s.Mechanism, s.User, s.Password = j.mechanism, j.jaas.options["username"], Secret(j.jaas.options["password"])
		s.TokenFile = j.tokenPath()
	}
	return s
}

// passwordOfKey is the one that opens it: in PEM the key has one, else its store.
func (j *JavaSecurity) passwordOfKey() string {
	if j.keyText != "" || j.key.kind == "PEM" {
		return j.keyPassword
	}
	return cmp.Or(j.key.password, j.keyPassword)
}

func (j *JavaSecurity) tokenPath() string {
	path, ok := strings.CutPrefix(j.tokenURL, "file:")
	if !ok {
		return ""
	}
	return "/" + strings.TrimLeft(path, "/")
}

// Check finds what cannot be done.
func (j *JavaSecurity) Check(prefix string) []flume.Problem {
	var all []flume.Problem
	problem := func(property, message, fix string) {
		all = append(all, flume.Problem{Property: prefix + property, Message: message, Fix: fix})
	}
	if !j.sasl() {
		return all
	}
	switch {
	case j.mechanism == "GSSAPI":
		problem("sasl.mechanism", "Kerberos (GSSAPI) is not spoken to Kafka", "use one of "+strings.Join(Mechanisms(), ", "))
	case j.mechanism == OAuthBearer:
		if j.tokenPath() == "" {
			problem("sasl.mechanism", "OAUTHBEARER has no file with a token", "set "+prefix+"sasl.oauthbearer.token.endpoint.url to file:///path/of/token")
		}
	case j.jaas.module == "":
		problem("sasl.mechanism", "there is no sasl.jaas.config with the user and the password",
			`add `+prefix+`sasl.jaas.config = `+loginModules[j.mechanism]+` required username="…" password="…";`)
	case !strings.HasSuffix(j.jaas.module, class(loginModules[j.mechanism])): // shaded ones have another package
		problem("sasl.jaas.config", "the module "+j.jaas.module+" is not the one of "+j.mechanism, "write "+loginModules[j.mechanism])
	case j.jaas.options["username"] == "" || j.jaas.options["password"] == "":
		problem("sasl.jaas.config", "the user or the password is missing", `write username="…" password="…"; behind required`)
	}
	return all
}

// Survey reads the files that are named.
func (j *JavaSecurity) Survey(prefix string) []flume.Problem {
	var all []flume.Problem
	if j.tls() && j.trustText == "" && j.trust.path != "" {
		all = keystore.Survey(prefix+"ssl.truststore.location", prefix+"ssl.truststore.password", j.trust.path, func() error {
			_, err := keystore.Trusted(j.trust.path, j.trust.password)
			return err
		})
	}
	if j.tls() && j.chainText == "" && j.key.path != "" {
		all = append(all, keystore.Survey(prefix+"ssl.keystore.location", prefix+"ssl.keystore.password", j.key.path, func() error {
			_, err := keystore.Pair(j.key.path, "", j.passwordOfKey())
			return err
		})...)
	}
	if path := j.tokenPath(); j.sasl() && j.mechanism == OAuthBearer && path != "" {
		all = append(all, flume.SurveyFile(prefix+"sasl.oauthbearer.token.endpoint.url", path, "write the token into that file")...)
	}
	return all
}

// loginModules are the Java classes of the mechanisms.
var loginModules = map[string]string{
	Plain:       "org.apache.kafka.common.security.plain.PlainLoginModule",
	ScramSHA256: "org.apache.kafka.common.security.scram.ScramLoginModule",
	ScramSHA512: "org.apache.kafka.common.security.scram.ScramLoginModule",
}

// class is the last part of a Java class's name.
func class(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// jaas is the value of sasl.jaas.config: a login module with its options. What
// goes wrong with it is told without its text, which holds a password.
type jaas struct {
	module  string
	options map[string]string
}

var errJaas = fault.Hint(errors.New("want a login module"), `such as %s required username="…" password="…";`, loginModules[Plain])

// Set reads MODULE FLAG NAME=VALUE … ; where values may stand in quotes.
func (j *jaas) Set(text string) error {
	words, err := jaasWords(text)
	if err != nil {
		return err
	}
	if len(words) == 1 && words[0] == "" || len(words) == 0 {
		*j = jaas{}
		return nil
	}
	if len(words) < 2 || !slices.Contains([]string{"required", "requisite", "sufficient", "optional"}, strings.ToLower(words[1])) {
		return errJaas
	}
	options := map[string]string{}
	for _, w := range words[2:] {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			return fmt.Errorf("the option %d of the login module is no NAME=VALUE", len(options)+1)
		}
		options[name] = value
	}
	*j = jaas{words[0], options}
	return nil
}

// String does not show the options.
func (j *jaas) String() string {
	if j.module == "" {
		return ""
	}
	return j.module + " (hidden)"
}

// Type names the value in help.
func (j *jaas) Type() string { return "login module" }

// jaasWords cuts at blanks outside of quotes, up to the semicolon.
func jaasWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == '\\' && i+1 < len(text):
			i++
			word.WriteByte(text[i])
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ';':
			if strings.TrimSpace(text[i+1:]) != "" {
				return nil, errors.New("there is something behind the semicolon of the login module: write a second \" in quotes as \\\"")
			}
			if inWord {
				words = append(words, word.String())
			}
			return words, nil
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("the quotes of the login module do not end")
	}
	if inWord || len(words) > 0 {
		return nil, errors.New("the login module does not end with a semicolon")
	}
	return nil, nil
}
