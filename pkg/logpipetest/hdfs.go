package logpipetest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// HadoopVersion is the version of Apache Hadoop that tests run.
const HadoopVersion = "3.4.2"

// hdfsJars is Hadoop's cluster for tests: a namenode and datanodes in one
// process, with WebHDFS.
func hdfsJars() download {
	return download{dir: filepath.Join("hdfs", "libs"), version: HadoopVersion, artifacts: []artifact{
		{group: "org.apache.hadoop", name: "hadoop-minicluster", version: HadoopVersion},
		{group: "org.mockito", name: "mockito-core", version: "4.11.0"}, // the cluster's own classes need it
	}}
}

// hdfsCluster starts the cluster. Leases end after three seconds, not after a
// minute, so that tests need not wait so long.
const hdfsCluster = `
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
public class Cluster {
  public static void main(String[] a) throws Exception {
    Configuration c = new Configuration();
    c.setBoolean("dfs.permissions.enabled", false);
    c.setInt("dfs.replication", 2);
    c.setBoolean("dfs.namenode.datanode.registration.ip-hostname-check", false);
    c.set("dfs.namenode.rpc-bind-host", "127.0.0.1");
    c.set("dfs.client.block.write.replace-datanode-on-failure.policy", "NEVER");
    MiniDFSCluster m = new MiniDFSCluster.Builder(c, new java.io.File(a[2])).nameNodePort(Integer.parseInt(a[0]))
        .nameNodeHttpPort(Integer.parseInt(a[1])).numDataNodes(3).build();
    m.waitActive();
    m.setLeasePeriod(3000, 1200000);
    System.out.println("HDFS is ready");
    for (int next; (next = System.in.read()) >= 0; ) {
      if (next == 'k') { m.stopDataNode(0); System.out.println("a datanode is dead"); }
    }
    System.exit(0);
  }
}
`

// hdfsReader prints what files hold, as Hadoop itself reads them: the path, the
// kind, and then each record, or the bytes, in Base64.
const hdfsReader = `
import java.io.*;
import java.net.URI;
import java.util.*;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.*;
import org.apache.hadoop.io.*;
import org.apache.hadoop.io.compress.*;
public class Reader {
  static String b64(byte[] b, int n) { return Base64.getEncoder().encodeToString(Arrays.copyOf(b, n)); }
  public static void main(String[] a) throws Exception {
    Configuration c = new Configuration();
    FileSystem fs = FileSystem.get(new URI(a[0]), c);
    RemoteIterator<LocatedFileStatus> all = fs.listFiles(new Path(a[1]), true);
    CompressionCodecFactory codecs = new CompressionCodecFactory(c);
    while (all.hasNext()) {
      Path p = all.next().getPath();
      StringBuilder line = new StringBuilder(p.toUri().getPath());
      byte[] head = new byte[3];
      try (FSDataInputStream in = fs.open(p)) { in.read(head); }
      CompressionCodec codec = codecs.getCodec(p);
      if (new String(head, "ISO-8859-1").equals("SEQ")) {
        try (SequenceFile.Reader r = new SequenceFile.Reader(c, SequenceFile.Reader.file(p))) {
          line.append(" sequence:" + r.getValueClass().getSimpleName() + ":" + r.isBlockCompressed());
          Writable k = (Writable) r.getKeyClass().newInstance(), v = (Writable) r.getValueClass().newInstance();
          while (r.next(k, v)) {
            byte[] b = v instanceof Text ? ((Text) v).copyBytes() : ((BytesWritable) v).copyBytes();
            line.append(" " + k + "=" + b64(b, b.length));
          }
        }
      } else {
        line.append(codec == null ? " bytes" : " " + codec.getClass().getSimpleName());
        try (InputStream in = codec == null ? fs.open(p) : codec.createInputStream(fs.open(p))) {
          ByteArrayOutputStream out = new ByteArrayOutputStream();
          org.apache.hadoop.io.IOUtils.copyBytes(in, out, 4096);
          line.append(" " + b64(out.toByteArray(), out.size()));
        }
      }
      System.out.println("FILE " + line);
    }
  }
}
`

// HDFS is a cluster of Apache Hadoop with three datanodes, which keeps two copies
// of each block.
type HDFS struct {
	RPC, HTTP  string // hdfs://… and webhdfs://…
	java, jars string
	dir        string
	server     *server
	input      interface{ Write([]byte) (int, error) }
}

// StartHDFS starts a cluster, which ends with the test. It skips the test
// outside of the real suite, and where the cluster cannot be had.
func StartHDFS(t testing.TB) *HDFS {
	t.Helper()
	java, jars := javaTools(t, hdfsJars(), "Apache Hadoop "+HadoopVersion, "Apache Hadoop "+HadoopVersion+" needs Java 11 to 17")
	h := &HDFS{java: java, jars: jars, dir: t.TempDir()}
	for name, text := range map[string]string{"Cluster.java": hdfsCluster, "Reader.java": hdfsReader} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	ports, err := freePorts(t, 2)
	if err != nil {
		t.Fatal(err)
	}
	h.RPC, h.HTTP = "hdfs://"+loopback(ports[0]), "webhdfs://"+loopback(ports[1])
	cmd := h.command(context.Background(), "512m", "Cluster.java", strconv.Itoa(ports[0]), strconv.Itoa(ports[1]), filepath.Join(h.dir, "data"))
	if h.input, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if h.server, err = startServer("HDFS", "HDFS is ready", cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.server.kill(); err != nil {
			t.Errorf("end HDFS: %v", err)
		}
		if t.Failed() {
			t.Logf("the last lines of HDFS:\n%s", h.server.log.tail())
		}
	})
	wait, done := context.WithTimeoutCause(t.Context(), startLimit, fmt.Errorf("%v are over", startLimit))
	defer done()
	if err := h.server.wait(wait); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *HDFS) command(ctx context.Context, heap, source string, args ...string) *exec.Cmd {
	flags := []string{"-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		"-Dhadoop.log.dir=" + h.dir, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(h.jars, "*"), filepath.Join(h.dir, source)}
	return exec.CommandContext(ctx, h.java, append(flags, args...)...)
}

// KillDatanode ends one of the datanodes without a farewell.
func (h *HDFS) KillDatanode(t testing.TB) {
	t.Helper()
	dead := h.server.log.expect("a datanode is dead") // other lines follow at once
	if _, err := h.input.Write([]byte("k")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), startLimit, fmt.Errorf("%v are over", startLimit))
	defer cancel()
	if err := h.server.await(ctx, dead); err != nil {
		t.Fatalf("kill a datanode: %v", err)
	}
}

// Read returns what Hadoop's own readers find below a folder: the path of each
// file without the folder, the kind, and the records or the bytes in Base64. Where a
// writer renames a file meanwhile, they look again.
func (h *HDFS) Read(t testing.TB, folder string) map[string][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	var out, errs bytes.Buffer
	for {
		out.Reset()
		errs.Reset()
		cmd := h.command(ctx, "256m", "Reader.java", h.RPC, folder)
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		if err == nil {
			break
		}
		renamed := strings.Contains(errs.String(), "java.io.FileNotFoundException") // between the list and the reading
		if !renamed || ctx.Err() != nil {
			t.Fatalf("read %s: %v\n%s", folder, err, &errs)
		}
	}
	files := map[string][]string{}
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), "FILE "+folder+"/"); found {
			parts := strings.Split(rest, " ")
			files[parts[0]] = parts[1:]
		}
	}
	return files
}
