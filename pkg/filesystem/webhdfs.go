package filesystem

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
)

// WebHDFS is a cluster by HTTP: a namenode with WebHDFS, or an HttpFS gateway.
// Each sync is an append of its own, after which the file is closed.
//
// https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html
type WebHDFS struct {
	base   string // http://host:port/webhdfs/v1
	user   string
	client *http.Client
}

func newWebHDFS(scheme, host string, c Config) (*WebHDFS, error) {
	if host == "" {
		return nil, fault.Hint(errors.New("webhdfs:// names no namenode"), "write webhdfs://namenode:9870/…")
	}
	return &WebHDFS{base: scheme + "://" + host + "/webhdfs/v1", user: c.user(),
		client: &http.Client{Timeout: c.timeout(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// remoteError is what a namenode says.
type remoteError struct {
	Exception string `json:"exception"`
	Message   string `json:"message"`
}

func (e *remoteError) Error() string { return e.Exception + ": " + firstLine(e.Message) }

func (e *remoteError) Is(target error) bool {
	switch e.Exception {
	case "FileNotFoundException":
		return target == fs.ErrNotExist
	case "FileAlreadyExistsException":
		return target == fs.ErrExist
	case "AccessControlException":
		return target == fs.ErrPermission
	case "AlreadyBeingCreatedException", "RecoveryInProgressException":
		return target == ErrBusy
	}
	return false
}

// do runs an operation; data go to the datanode that the namenode names. It
// returns the body of the answer.
func (w *WebHDFS) do(ctx context.Context, method, op, name string, query url.Values, data []byte) ([]byte, error) {
	if query == nil {
		query = url.Values{}
	}
	query.Set("op", op)
	query.Set("user.name", w.user)
	address := w.base + (&url.URL{Path: name}).EscapedPath() + "?" + query.Encode()
	answer, err := w.request(ctx, method, address, nil, data != nil)
	if err != nil {
		return nil, fault.Unreachablef("webhdfs %s %s: %w", op, name, err)
	}
	if to := answer.Header.Get("Location"); answer.StatusCode == http.StatusTemporaryRedirect && to != "" {
		answer.Body.Close()
		if answer, err = w.request(ctx, method, to, data, data != nil); err != nil {
			return nil, fault.Unreachablef("webhdfs %s %s: %w", op, name, err)
		}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		var said struct{ RemoteException *remoteError }
		if json.Unmarshal(body, &said) == nil && said.RemoteException != nil {
			err = said.RemoteException
		} else {
			err = fmt.Errorf("answer %s: %.200s", answer.Status, firstLine(string(body)))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("webhdfs %s %s: %w", op, name, err)
	}
	return body, nil
}

// request sends one request. An HttpFS gateway takes data at once, when they
// are named so.
func (w *WebHDFS) request(ctx context.Context, method, address string, data []byte, isData bool) (*http.Response, error) {
	var body io.Reader
	if data != nil {
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if isData {
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	return w.client.Do(r)
}

// flag runs an operation that answers with true or false.
func (w *WebHDFS) flag(ctx context.Context, method, op, name string, query url.Values) (bool, error) {
	body, err := w.do(ctx, method, op, name, query, nil)
	if err != nil {
		return false, err
	}
	var said struct{ Boolean bool }
	if err := json.Unmarshal(body, &said); err != nil {
		return false, fmt.Errorf("webhdfs %s %s: %w", op, name, err)
	}
	return said.Boolean, nil
}

// Home is the folder of relative paths.
func (w *WebHDFS) Home() string { return "/user/" + w.user }

// Create makes an empty file.
func (w *WebHDFS) Create(ctx context.Context, name string) (File, error) {
	if _, err := w.do(ctx, http.MethodPut, "CREATE", name, url.Values{"overwrite": {"false"}}, []byte{}); err != nil {
		return nil, err
	}
	return &webFile{w: w, name: name}, nil
}

// status is what the namenode tells of a file.
type status struct {
	PathSuffix       string `json:"pathSuffix"`
	Type             string `json:"type"`
	Length           int64  `json:"length"`
	ModificationTime int64  `json:"modificationTime"`
}

func (w *WebHDFS) stat(ctx context.Context, name string) (status, error) {
	body, err := w.do(ctx, http.MethodGet, "GETFILESTATUS", name, nil, nil)
	var said struct{ FileStatus status }
	if err == nil {
		err = json.Unmarshal(body, &said)
	}
	return said.FileStatus, err
}

// Rename gives a file another name.
func (w *WebHDFS) Rename(ctx context.Context, from, to string) error {
	done, err := w.flag(ctx, http.MethodPut, "RENAME", from, url.Values{"destination": {to}})
	if err != nil || done {
		return err
	}
	if _, err := w.stat(ctx, from); err != nil {
		return err
	}
	if _, err := w.stat(ctx, to); err == nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, fs.ErrExist)
	}
	return fmt.Errorf("rename %s to %s: the namenode refuses", from, to)
}

// List lists a folder.
func (w *WebHDFS) List(ctx context.Context, folder string) ([]Entry, error) {
	body, err := w.do(ctx, http.MethodGet, "LISTSTATUS", folder, nil, nil)
	if err != nil {
		return nil, err
	}
	var said struct{ FileStatuses struct{ FileStatus []status } }
	if err := json.Unmarshal(body, &said); err != nil {
		return nil, fmt.Errorf("webhdfs LISTSTATUS %s: %w", folder, err)
	}
	var entries []Entry
	for _, s := range said.FileStatuses.FileStatus {
		if s.PathSuffix != "" { // a file is listed as itself
			entries = append(entries, Entry{s.PathSuffix, s.Type == "DIRECTORY", time.UnixMilli(s.ModificationTime)})
		}
	}
	return entries, nil
}

// Adopt shortens a file; the namenode refuses while somebody writes it.
func (w *WebHDFS) Adopt(ctx context.Context, name string, keep func(io.ReaderAt, int64) (int64, error)) (int64, error) {
	// An append of nothing tells whether there is a writer.
	if _, err := w.do(ctx, http.MethodPost, "APPEND", name, nil, []byte{}); err != nil {
		return 0, err
	}
	info, err := w.stat(ctx, name)
	if err != nil {
		return 0, err
	}
	size, err := keep(&webReader{ctx, w, name, info.Length}, info.Length)
	if err != nil || size == info.Length {
		return size, err
	}
	done, err := w.flag(ctx, http.MethodPost, "TRUNCATE", name, url.Values{"newlength": {strconv.FormatInt(size, 10)}})
	if err == nil && !done {
		err = ErrBusy // until the last block is cut
	}
	return size, err
}

// webReader reads parts of a file.
type webReader struct {
	ctx  context.Context
	w    *WebHDFS
	name string
	size int64
}

func (r *webReader) ReadAt(p []byte, at int64) (int, error) {
	if at >= r.size {
		return 0, io.EOF
	}
	body, err := r.w.do(r.ctx, http.MethodGet, "OPEN", r.name,
		url.Values{"offset": {strconv.FormatInt(at, 10)}, "length": {strconv.Itoa(len(p))}}, nil)
	if err != nil {
		return 0, err
	}
	n := copy(p, body)
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Remove removes a file.
func (w *WebHDFS) Remove(ctx context.Context, name string) error {
	done, err := w.flag(ctx, http.MethodDelete, "DELETE", name, nil)
	if err == nil && !done {
		err = fmt.Errorf("remove %s: %w", path.Base(name), fs.ErrNotExist)
	}
	return err
}

// Close gives up idle connections.
func (w *WebHDFS) Close() error {
	w.client.CloseIdleConnections()
	return nil
}

// webFile collects what is written until it is synced.
type webFile struct {
	w    *WebHDFS
	name string
	buf  []byte
}

func (f *webFile) Write(_ context.Context, p []byte) (int, error) {
	f.buf = append(f.buf, p...)
	return len(p), nil
}

func (f *webFile) Sync(ctx context.Context) error {
	if len(f.buf) == 0 {
		return nil
	}
	_, err := f.w.do(ctx, http.MethodPost, "APPEND", f.name, nil, f.buf)
	f.buf = f.buf[:0]
	return err
}

func (f *webFile) Undo(int64) error { return ErrNoUndo }

func (f *webFile) Close(ctx context.Context) error { return f.Sync(ctx) }
