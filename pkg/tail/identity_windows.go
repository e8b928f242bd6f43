package tail

import (
	"os"
	"syscall"

	lib "github.com/nxadm/tail"
)

// identity tells files apart on this machine: the volume's serial number and
// the file's index on it.
type identity struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"inode"`
}

func identify(f *os.File, _ os.FileInfo) (identity, error) {
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err != nil {
		return identity{}, err
	}
	return identity{uint64(info.VolumeSerialNumber), uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)}, nil
}

func identifyPath(path string, _ os.FileInfo) (identity, error) {
	f, err := lib.OpenFile(path)
	if err != nil {
		return identity{}, err
	}
	defer f.Close()
	return identify(f, nil)
}
