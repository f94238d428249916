/* A process whose memory stays locked: locks_memory FOLDER FILE

   It mounts a file system of its own (FUSE) at FOLDER, in namespaces of its own. The file in it is
   never read to the end: who maps it waits, with the memory of the process locked. FILE is open and
   mapped meanwhile. "ready" is written when the memory is about to be locked.

   With FOLDER alone the mount is made in the caller's mount namespace, and does not answer at all.

   Whoever waits for the lock cannot be killed. So the process that serves the file system ends, and
   all waits with it, when standard input ends. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE 65536

static void check(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static void write_text(const char *path, const char *text)
{
    int file = open(path, O_WRONLY);
    check(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text), path);
    close(file);
}

static void become_root_of_own_namespaces(void)
{
    char map[64];
    int user = (int)getuid(), group = (int)getgid();
    check(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0, "unshare");
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %d 1", user);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %d 1", group);
    write_text("/proc/self/gid_map", map);
    check(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "make mounts private");
}

static struct fuse_attr attributes(__u64 node)
{
    struct fuse_attr facts = {.ino = node, .nlink = 1, .size = SIZE};
    facts.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
    return facts;
}

/* Answer everything but reading, and with `silent` nothing after the first look at the mount. */
static void serve(int device, int silent)
{
    static char request[200000];
    int opened = 0;
    struct pollfd both[] = {{.fd = device, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    while (poll(both, 2, -1) > 0 && both[1].revents == 0 &&
           read(device, request, sizeof request) > 0) {
        const struct fuse_in_header *in = (const void *)request;
        struct {
            struct fuse_out_header out;
            union {
                struct fuse_init_out init;
                struct fuse_entry_out entry;
                struct fuse_attr_out attr;
                struct fuse_open_out open;
            } body;
        } answer = {.out = {.unique = in->unique}};
        size_t size = 0;
        switch (in->opcode) {
        case FUSE_INIT:
            answer.body.init.major = FUSE_KERNEL_VERSION;
            answer.body.init.minor = 31;
            answer.body.init.max_write = 4096;
            size = sizeof answer.body.init;
            break;
        case FUSE_GETATTR:
            if (silent)
                continue;
            answer.body.attr.attr = attributes(in->nodeid);
            answer.body.attr.attr_valid = 1000;
            size = sizeof answer.body.attr;
            break;
        case FUSE_LOOKUP:
            if (silent)
                continue;
            answer.body.entry.nodeid = 2;
            answer.body.entry.attr = attributes(2);
            answer.body.entry.entry_valid = answer.body.entry.attr_valid = 1000;
            size = sizeof answer.body.entry;
            break;
        case FUSE_OPEN:
            /* The second one is mapped: that waits for the page that the first one reads. */
            answer.body.open.open_flags = opened++ ? FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE : 0;
            size = sizeof answer.body.open;
            break;
        case FUSE_READ:
        case FUSE_FORGET:
            continue;
        default:
            answer.out.error = -38;
        }
        answer.out.len = sizeof answer.out + size;
        if (write(device, &answer, answer.out.len) < 0 && silent)
            perror("answer");
    }
    exit(0);
}

static int mount_at(const char *folder)
{
    char options[128];
    int device = open("/dev/fuse", O_RDWR);
    check(device >= 0, "/dev/fuse");
    snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
    check(mount("locks", folder, "fuse", MS_NOSUID | MS_NODEV, options) == 0, "mount");
    return device;
}

static void *read_for_ever(void *file)
{
    char byte;
    return read((int)(long)file, &byte, 1) < 0 ? NULL : file;
}

static void say(const char *word)
{
    puts(word);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    char path[4096];
    int device, first, second, file;
    pthread_t reader;

    check(count == 2 || count == 3, "usage: locks_memory FOLDER [FILE]");
    if (count == 2) {
        device = mount_at(arguments[1]);
        say("ready");
        serve(device, 1);
    }
    become_root_of_own_namespaces();
    device = mount_at(arguments[1]);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(device, 0);
    }
    close(device);
    file = open(arguments[2], O_RDONLY);
    check(file >= 0, arguments[2]);
    check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0) != MAP_FAILED, "map");
    snprintf(path, sizeof path, "%s/file", arguments[1]);
    first = open(path, O_RDONLY);
    check(first >= 0, path);
    check(pthread_create(&reader, NULL, read_for_ever, (void *)(long)first) == 0, "thread");
    usleep(300000); /* its page is locked by then; there is nothing to wait for */
    second = open(path, O_RDONLY);
    check(second >= 0, path);
    say("ready");
    mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, second, 0);
    for (;;)
        pause();
}
