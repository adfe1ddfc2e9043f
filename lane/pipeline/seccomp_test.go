package pipeline_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pikasTech/agentrun/lane/pipeline"
)

// profile is a seccomp profile as the OCI runtime specification has it.
type profile struct {
	DefaultAction   string        `json:"defaultAction"`
	DefaultErrnoRet int           `json:"defaultErrnoRet"`
	Architectures   []string      `json:"architectures"`
	Syscalls        []syscallRule `json:"syscalls"`
}

type syscallRule struct {
	Names    []string     `json:"names"`
	Action   string       `json:"action"`
	ErrnoRet int          `json:"errnoRet"`
	Args     []syscallArg `json:"args"`
}

type syscallArg struct {
	Index int    `json:"index"`
	Value uint64 `json:"value"`
	Op    string `json:"op"`
}

const (
	allow  = "SCMP_ACT_ALLOW"
	refuse = "SCMP_ACT_ERRNO"
)

func seccompProfile(t *testing.T) profile {
	t.Helper()
	var p profile
	d := json.NewDecoder(strings.NewReader(string(pipeline.Seccomp())))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// any are the calls that are allowed whatever their arguments.
func (p profile) any() []string {
	for _, r := range p.Syscalls {
		if r.Action == allow && len(r.Args) == 0 {
			return r.Names
		}
	}
	return nil
}

// TestSeccompRefusesWhatItDoesNotName: one list, in order, of what is allowed
// with every argument, and of other calls only what stands here.
func TestSeccompRefusesWhatItDoesNotName(t *testing.T) {
	p := seccompProfile(t)
	if p.DefaultAction != refuse || p.DefaultErrnoRet != 1 { // EPERM
		t.Errorf("what is not named gets %s %d", p.DefaultAction, p.DefaultErrnoRet)
	}
	if !slices.IsSorted(p.any()) || len(slices.Compact(slices.Clone(p.any()))) != len(p.any()) {
		t.Error("the list is not in order, or a name stands twice")
	}
	var narrowed []string
	for _, r := range p.Syscalls {
		if len(r.Args) == 0 && r.Action == allow {
			continue
		}
		text := strings.Join(r.Names, ",")
		for _, a := range r.Args {
			if a.Op != "SCMP_CMP_EQ" {
				t.Errorf("%s is compared by %s", text, a.Op)
			}
			text += fmt.Sprintf(" %d=%#x", a.Index, a.Value)
		}
		if r.Action == refuse {
			text += fmt.Sprintf(" errno %d", r.ErrnoRet)
		}
		narrowed = append(narrowed, text)
		for _, name := range r.Names {
			if slices.Contains(p.any(), name) {
				t.Errorf("%s is allowed with every argument too", name)
			}
		}
	}
	want := []string{
		"keyctl 0=0x1", "keyctl 0=0x5", "keyctl 0=0x6", // runc joins a session keyring, names it and sets who may use it
		"personality 0=0x0", "personality 0=0x8", "personality 0=0x20000", "personality 0=0x20008", "personality 0=0xffffffff", // of Linux, 32 bits, an old release, both; asking
		"socket 0=0x1", "socket 0=0x2", "socket 0=0xa", "socket 0=0x10 2=0x0", // Unix, IPv4, IPv6, and of netlink routes alone
		"socketcall errno 38", // it hides the family from the filter; ENOSYS makes programs of 32 bits call socket
	}
	if diff := cmp.Diff(want, narrowed); diff != "" {
		t.Error(diff)
	}
}

// TestSeccompKeepsTheKernelFromABuild: nothing is allowed that no build needs.
func TestSeccompKeepsTheKernelFromABuild(t *testing.T) {
	p := seccompProfile(t)
	for name := range strings.FieldsSeq(`
		init_module finit_module delete_module create_module query_module get_kernel_syms kexec_load kexec_file_load
		bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register fanotify_init fanotify_mark
		ptrace process_vm_readv process_vm_writev process_madvise process_mrelease pidfd_getfd kcmp
		open_by_handle_at lookup_dcookie quotactl quotactl_fd acct reboot swapon swapoff syslog nfsservctl vhangup
		clock_settime clock_settime64 clock_adjtime clock_adjtime64 settimeofday stime adjtimex
		iopl ioperm vm86 vm86old modify_ldt add_key request_key keyctl socket socketcall personality
		uselib ustat sysfs _sysctl mbind migrate_pages move_pages set_mempolicy memfd_secret`) {
		if slices.Contains(p.any(), name) {
			t.Errorf("%s is allowed", name)
		}
	}
}

// TestSeccompIsEnoughForABuilder: for BuildKit and runc in a user namespace of
// their own, on every architecture that a node may have.
func TestSeccompIsEnoughForABuilder(t *testing.T) {
	p := seccompProfile(t)
	for name := range strings.FieldsSeq(`
		clone clone3 unshare setns mount umount umount2 pivot_root chroot sethostname setdomainname
		open_tree move_mount mount_setattr fsopen fsconfig fsmount fspick openat2 mknod mknodat name_to_handle_at
		memfd_create execve execveat seccomp prctl capget capset setuid setgid setgroups setresuid setresgid
		close_range pidfd_open pidfd_send_signal wait4 waitid copy_file_range fchmodat2 faccessat2 rseq set_robust_list
		setxattr lsetxattr fsetxattr utimensat renameat2 landlock_create_ruleset getrandom statx`) {
		if !slices.Contains(p.any(), name) {
			t.Errorf("%s is not allowed", name)
		}
	}
	want := []string{"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"}
	if diff := cmp.Diff(want, p.Architectures); diff != "" {
		t.Error(diff)
	}
}
