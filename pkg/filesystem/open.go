package filesystem

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"strings"

	"github.com/colinmarc/hdfs/v2/hadoopconf"
)

// user is who writes.
func (c Config) user() string {
	if c.User != "" {
		return c.User
	}
	if name := os.Getenv("HADOOP_USER_NAME"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "logpipe"
}

// Open opens the file system of a root, as Split gives it. The settings of
// Hadoop in HADOOP_CONF_DIR say which one is meant where the root is empty, and
// which namenodes stand behind a name.
func Open(_ context.Context, root string, c Config) (FS, error) {
	conf, err := hadoopconf.LoadFromEnvironment()
	if err != nil {
		return nil, fmt.Errorf("read the settings of Hadoop: %w", err)
	}
	if root == "" {
		root = "file://"
		for _, name := range []string{"fs.default.name", "fs.defaultFS"} {
			if text := conf[name]; text != "" {
				root = strings.TrimRight(text, "/")
			}
		}
		if root == "file:" {
			root = "file://"
		}
	}
	u, err := url.Parse(root)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "file":
		return Local{}, nil
	case "hdfs":
		return newHDFS(u.Host, c, conf)
	case "webhdfs":
		return newWebHDFS("http", u.Host, c)
	case "swebhdfs":
		return newWebHDFS("https", u.Host, c)
	}
	return nil, fmt.Errorf("%s: file systems are hdfs, webhdfs, swebhdfs and file", root)
}
