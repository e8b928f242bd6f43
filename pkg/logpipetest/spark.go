package logpipetest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SparkVersion is the version of Apache Spark that tests run.
const SparkVersion = "4.0.0"

// sparkJars is Spark SQL with its source and sink for Kafka.
func sparkJars() download {
	return download{dir: filepath.Join("spark", "libs"), version: SparkVersion, artifacts: []artifact{
		{group: "org.apache.spark", name: "spark-sql_2.13", version: SparkVersion},
		{group: "org.apache.spark", name: "spark-sql-kafka-0-10_2.13", version: SparkVersion},
	}}
}

// Spark runs programs in a Spark of one process.
type Spark struct {
	java, jars string
	dir        string
}

// NewSpark finds Java and downloads Apache Spark where that was not done before.
// It skips the test outside of the real suite, and where one of them cannot be
// had.
func NewSpark(t testing.TB) *Spark {
	t.Helper()
	java, jars := javaTools(t, sparkJars(), "Apache Spark "+SparkVersion, "Apache Spark "+SparkVersion+" needs Java 17")
	s := &Spark{java: java, jars: jars, dir: t.TempDir()}
	const settings = `<Configuration status="ERROR"><Appenders><Console name="C" target="SYSTEM_ERR">
<PatternLayout pattern="%d %p %c{1}: %m%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="C"/></Root></Loggers></Configuration>
`
	if err := os.WriteFile(s.logSettings(), []byte(settings), 0o666); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Spark) logSettings() string { return filepath.Join(s.dir, "log4j2.xml") }

// sparkOpens are the parts of Java's own library into which Spark reaches
// (org.apache.spark.launcher.JavaModuleOptions).
var sparkOpens = []string{"java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
	"java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs", "sun.security.action", "sun.util.calendar"}

// Run runs the source of a Java class and returns what it printed on its standard
// output. The test fails where the program does, or takes more than five minutes.
func (s *Spark) Run(t testing.TB, source string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	path := filepath.Join(t.TempDir(), "Program.java")
	if err := os.WriteFile(path, []byte(source), 0o666); err != nil {
		t.Fatal(err)
	}
	flags := []string{"-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.io.tmpdir=" + s.dir, "-Duser.dir=" + s.dir,
		"-Djdk.reflect.useDirectMethodHandle=false", "-Dlog4j2.configurationFile=" + s.logSettings()}
	for _, name := range sparkOpens {
		flags = append(flags, "--add-opens=java.base/"+name+"=ALL-UNNAMED")
	}
	flags = append(flags, "-cp", filepath.Join(s.jars, "*"), path)
	cmd := exec.CommandContext(ctx, s.java, append(flags, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SPARK_LOCAL_IP=127.0.0.1", "SPARK_LOCAL_HOSTNAME=127.0.0.1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("Spark %s: %v\n%.8000s", strings.Join(args, " "), err, &errs)
	}
	return out.String()
}
