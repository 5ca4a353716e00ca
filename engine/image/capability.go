package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// capabilities reads the extended attribute security.capability (linux/capability.h, struct vfs_cap_data and vfs_ns_cap_data;
// capabilities(7), "File capabilities"). It returns the names of the file's permitted and inheritable capabilities, sorted.
func capabilities(attribute string) ([]string, error) {
	b := []byte(attribute)
	if len(b) < 4 {
		return nil, errors.New("its capabilities are cut off")
	}
	words, size := 0, 0
	switch revision := binary.LittleEndian.Uint32(b) >> 24; revision {
	case 1:
		words, size = 1, 12
	case 2:
		words, size = 2, 20
	case 3: // followed by the number of the namespace's root user
		words, size = 2, 24
	default:
		return nil, fmt.Errorf("its capabilities are of the unknown revision %d", revision)
	}
	if len(b) != size {
		return nil, fmt.Errorf("its capabilities have %d bytes, not %d", len(b), size)
	}
	out := []string{}
	for w := range words {
		set := binary.LittleEndian.Uint32(b[4+8*w:]) | binary.LittleEndian.Uint32(b[8+8*w:])
		for bit := range 32 {
			if set&(1<<bit) != 0 {
				out = append(out, capabilityName(32*w+bit))
			}
		}
	}
	sort.Strings(out)
	return out, nil
}

// capabilityName is the name of a capability by its number (linux/capability.h): "cap_net_raw", or "cap_63" for one without a name.
func capabilityName(n int) string {
	names := [...]string{
		"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable",
		"net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
		"sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
		"audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
		"perfmon", "bpf", "checkpoint_restore",
	}
	if n < len(names) {
		return "cap_" + names[n]
	}
	return fmt.Sprintf("cap_%d", n)
}
