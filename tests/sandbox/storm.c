/* storm STYLE FIRST COUNT PROGRAM: starts COUNT short processes, one after the other, each with a number of its own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *program, mark[32];
static int memory = -1;

static void start(char style)
{
    char *const plain[] = { program, "done", mark, NULL };
    if (style == 'm')
        syscall(SYS_execveat, memory, "", plain, environ, AT_EMPTY_PATH);
    else
        execve(program, plain, environ);
    _exit(99);
}

static int spawned(void)
{
    char *const plain[] = { program, "done", mark, NULL };
    pid_t pid;
    int status;
    if (posix_spawn(&pid, program, NULL, NULL, plain, environ))
        return 99;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static int one(char style, int number)
{
    int status = 0;
    if (style == 'k') /* a signal to a process that is not there: only the asking counts */
        return kill(3000000 + number, 0) == 0 || errno != ESRCH;
    if (style == 'p')
        return spawned();
    pid_t pid = style == 'v' || style == 'm' ? vfork() : fork();
    if (pid == 0) {
        if (style != 'd')
            start(style);
        setsid();
        pid_t daemon = fork();
        if (daemon == 0) {
            setsid();
            start(style);
        }
        waitpid(daemon, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void load(const char *path)
{
    char block[65536];
    int from = open(path, O_RDONLY);
    ssize_t n;
    memory = memfd_create("storm", 0);
    while ((n = read(from, block, sizeof block)) > 0)
        if (write(memory, block, (size_t)n) != n)
            exit(98);
    close(from);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 0; /* one of the short processes */
    char style = argv[1][0];
    int failed = 0;
    program = argv[4];
    if (style == 'm')
        load(program);
    for (int i = atoi(argv[2]), end = i + atoi(argv[3]); i < end; i++) {
        snprintf(mark, sizeof mark, "%c%d", style, i);
        failed += one(style, i) != 0;
    }
    return failed > 0;
}
