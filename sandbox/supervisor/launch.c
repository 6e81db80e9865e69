/* The container's first program: puts the mediation filter above every later process, then becomes PID 1's `serve`. */
#include "agentd.h"
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "agentd knows x86-64 and arm64"
#endif

#define X32_BIT 0x40000000u

static const unsigned mediated[] = {
    SYS_execve, SYS_execveat, SYS_connect, SYS_kill, SYS_tkill, SYS_tgkill, SYS_pidfd_send_signal,
    SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
};
enum { MEDIATED = sizeof mediated / sizeof *mediated };

/* Asking a descriptor to signal somebody is a signal that no mediated call shows: it is refused. */
static const struct { unsigned call, command; } refused[] = {
    { SYS_fcntl, F_SETOWN }, { SYS_fcntl, F_SETOWN_EX }, { SYS_fcntl, F_SETSIG },
    { SYS_ioctl, FIOSETOWN }, { SYS_ioctl, SIOCSPGRP },
};
enum { REFUSED = sizeof refused / sizeof *refused };

static int install_filter(void)
{
    struct sock_filter code[6 + MEDIATED * 2 + REFUSED * 5 + 1];
    unsigned short n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    for (int i = 0; i < MEDIATED; i++) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mediated[i], 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    for (int i = 0; i < REFUSED; i++) { /* the kernel, too, looks at the lower half of the command only */
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i].call, 0, 4);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i].command, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { n, code };
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* The engine's runtime starts us by a program with a varying number of threads, each of which takes a number: children
 * that end at once use up the rest, so that the same world counts its processes alike each time. */
static int even_out_pids(void)
{
    pid_t pid;
    do {
        pid = vfork();
        if (pid == 0)
            _exit(0);
        if (pid < 0 || waitpid(pid, NULL, 0) != pid)
            return -1;
    } while ((pid + 1) % FIRST_PID);
    return 0;
}

/* The execve below is itself mediated: nothing of `serve` runs until the host has taken the listener and answered. */
int launch(char **argv)
{
    if (even_out_pids()) {
        dprintf(2, "agentd: vfork: %s\n", strerror(errno));
        return 120;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return 121;
    int fd = install_filter();
    if (fd < 0) {
        dprintf(2, "agentd: seccomp: %s\n", strerror(errno));
        return 122;
    }
    if (dup3(fd, LISTENER_FD, O_CLOEXEC) < 0)
        return 123;
    close(fd);
    char *const command[] = { argv[0], "serve", NULL };
    char *const env[] = { NULL };
    execve(argv[0], command, env);
    dprintf(2, "agentd: exec: %s\n", strerror(errno));
    return 127;
}
