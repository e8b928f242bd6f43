package flume

import "golang.org/x/sys/unix"

// kernels names the file system of a folder where that is one by which the kernel
// shows its state: whatever the modes say, nobody makes files there. Those that take
// files, such as tmpfs and devtmpfs, are none of them.
func kernels(folder string) string {
	var st unix.Statfs_t
	if unix.Statfs(folder, &st) != nil {
		return ""
	}
	switch uint32(st.Type) {
	case unix.PROC_SUPER_MAGIC:
		return "proc"
	case unix.SYSFS_MAGIC:
		return "sysfs"
	case unix.CGROUP_SUPER_MAGIC:
		return "cgroup"
	case unix.CGROUP2_SUPER_MAGIC:
		return "cgroup2"
	case unix.DEBUGFS_MAGIC:
		return "debugfs"
	case unix.TRACEFS_MAGIC:
		return "tracefs"
	case unix.SECURITYFS_MAGIC:
		return "securityfs"
	case unix.SELINUX_MAGIC:
		return "selinuxfs"
	case unix.SMACK_MAGIC:
		return "smackfs"
	case unix.DEVPTS_SUPER_MAGIC:
		return "devpts"
	case unix.BPF_FS_MAGIC:
		return "bpf"
	case unix.BINFMTFS_MAGIC:
		return "binfmt_misc"
	case unix.NSFS_MAGIC:
		return "nsfs"
	}
	return ""
}
