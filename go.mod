module github.com/logpipe/logpipe

go 1.26.0

require (
	github.com/IBM/sarama v1.61.1 // Kafka client, fixed by the user; pkg/kafka
	github.com/axiomhq/hyperloglog v0.3.0 // approx_distinct; pkg/state
	github.com/cespare/xxhash/v2 v2.3.0 // a hash that is the same in every process, for sketches that merge; pkg/state
	github.com/colinmarc/hdfs/v2 v2.4.0 // HDFS by its own protocol; pkg/filesystem
	github.com/dlclark/regexp2 v1.12.0 // goes back where Java's patterns ask for it, with a time limit; version 2 takes three times the start; pkg/javaregex
	github.com/dsnet/compress v0.0.1 // writes bzip2, which the standard library only reads; pkg/bzip2
	github.com/fsnotify/fsnotify v1.9.0 // changes in whole folders, which nxadm/tail does not offer; pkg/tail
	github.com/go-sql-driver/mysql v1.10.1 // MySQL and MariaDB; pkg/database
	github.com/jackc/pgx/v5 v5.12.0 // the messages of PostgreSQL's protocol, of which its start is cheap; pkg/database
	github.com/klauspost/compress v1.20.3 // gzip, snappy and zstd of batches, .zst and fast .gz inputs; pkg/codec
	github.com/mssola/useragent v1.0.0 // clients by user agent, fixed by the user; pkg/ua
	github.com/ncruces/go-sqlite3 v0.35.6 // SQLite without cgo, of all the cheapest at the start; pkg/database
	github.com/nxadm/tail v1.4.11 // following files, fixed by the user; pkg/tail
	github.com/oschwald/maxminddb-golang/v2 v2.9.0 // .mmdb files, fixed by the user; pkg/geo
	github.com/pavlo-v-chernykh/keystore-go/v4 v4.5.0 // Java's JKS files, for ssl of Flume's components; pkg/keystore
	github.com/pierrec/lz4/v4 v4.1.33 // lz4 of batches, which sarama brings anyway; pkg/codec
	github.com/rcrowley/go-metrics v0.0.0-20250401214520-65e299d6c5c9 // the type of sarama's registry, so that it measures nothing; pkg/kafka
	github.com/rogpeppe/go-internal v1.16.0 // testscript; tests only
	github.com/spf13/cobra v1.10.2 // commands, fixed by the user; cmd/logpipe
	github.com/spf13/pflag v1.0.10 // cobra's flags; cmd/logpipe
	github.com/spf13/viper v1.21.0 // settings from files, fixed by the user; pkg/cli
	github.com/twmb/franz-go v1.22.2 // named by kfake; pkg/broker
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c // the embedded broker; pkg/broker
	github.com/twmb/franz-go/pkg/kmsg v1.15.0 // kfake's messages; pkg/broker
	go.yaml.in/yaml/v3 v3.0.5 // values of the configuration file as they are written, which viper converts; pkg/cli
	golang.org/x/sys v0.49.0 // file locks, terminals, process groups
	golang.org/x/term v0.47.0 // the live table, and what is a terminal
	golang.org/x/text v0.43.0 // charsets of files that spooldir reads
	gopkg.in/tomb.v1 v1.0.0-20141024135613-dd632973f1e7 // the type by which nxadm/tail's watchers are stopped; pkg/tail
	software.sslmate.com/src/go-pkcs12 v0.7.4 // PKCS12 key stores with the certificates of Java's trust stores; pkg/keystore
)

require (
	filippo.io/edwards25519 v1.2.0 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/dgryski/go-metro v0.0.0-20250106013310-edb8663e5e33 // indirect
	github.com/eapache/go-resiliency v1.7.0 // indirect
	github.com/go-viper/mapstructure/v2 v2.4.0 // indirect
	github.com/hashicorp/go-uuid v1.0.3 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jcmturner/aescts/v2 v2.0.0 // indirect
	github.com/jcmturner/dnsutils/v2 v2.0.0 // indirect
	github.com/jcmturner/gofork v1.7.6 // indirect
	github.com/jcmturner/goidentity/v6 v6.0.1 // indirect
	github.com/jcmturner/gokrb5/v8 v8.4.4 // indirect
	github.com/jcmturner/rpc/v2 v2.0.3 // indirect
	github.com/kamstrup/intmap v0.5.2 // indirect
	github.com/ncruces/go-sqlite3-wasm/v6 v6.3.35304 // indirect
	github.com/ncruces/julianday v1.0.0 // indirect
	github.com/pelletier/go-toml/v2 v2.2.4 // indirect
	github.com/sagikazarmark/locafero v0.11.0 // indirect
	github.com/sourcegraph/conc v0.3.1-0.20240121214520-5f936abd7ae8 // indirect
	github.com/spf13/afero v1.15.0 // indirect
	github.com/spf13/cast v1.10.0 // indirect
	github.com/subosito/gotenv v1.6.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.61.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect; before it, Go 1.26 kept every unused method in the binary (golang/protobuf#1704): 2 MB more at each start
)
