/* An application in C that is asked before it is closed.
 *
 *     cc -Wall -o listening listening.c && ./listening [UNSAVED-DOCUMENT]
 *
 * It speaks version 1 of the protocol in docs/reference/wire-protocol.md, with nothing but the C
 * library. While a file named UNSAVED-DOCUMENT exists it says no.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_LIMIT = 1024 };

/* Field 22 of /proc/self/stat; the name in parentheses may hold anything, so count from its end. */
static unsigned long long start_ticks(void)
{
    char text[4096], *field;
    FILE *file = fopen("/proc/self/stat", "r");
    size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;

    if (file)
        fclose(file);
    text[size] = '\0';
    field = strrchr(text, ')');
    for (int number = 2; field && number < 22; number++)
        field = strchr(field + 1, ' ');
    return field ? strtoull(field + 1, NULL, 10) : 0;
}

/* $XDG_RUNTIME_DIR/restartmanager, which is this user's alone. */
static int make_folder(char *path, size_t size)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat found;

    if (!runtime || runtime[0] != '/')
        return -1;
    if (snprintf(path, size, "%s/restartmanager", runtime) >= (int)size)
        return -1;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -1;
    if (lstat(path, &found) != 0 || !S_ISDIR(found.st_mode))
        return -1;
    return found.st_uid == geteuid() && !(found.st_mode & 077) ? 0 : -1;
}

/* A socket under the name PID-TICKS; it listens before it gets that name. */
static int make_socket(struct sockaddr_un *address)
{
    struct sockaddr_un hidden = {.sun_family = AF_UNIX};
    char folder[64]; /* an address has room for 107 bytes */
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || make_folder(folder, sizeof folder) != 0)
        return -1;
    address->sun_family = AF_UNIX;
    snprintf(address->sun_path, sizeof address->sun_path, "%s/%d-%llu", folder, (int)getpid(),
             start_ticks());
    snprintf(hidden.sun_path, sizeof hidden.sun_path, "%s/.%d", folder, (int)getpid());
    unlink(hidden.sun_path);
    if (bind(listener, (struct sockaddr *)&hidden, sizeof hidden) != 0 || listen(listener, 8) != 0)
        return -1;
    return rename(hidden.sun_path, address->sun_path) == 0 ? listener : -1;
}

/* Only this user and root have anything to ask. */
static int is_welcome(int connection)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return 0;
    return peer.uid == geteuid() || peer.uid == 0;
}

static const char *answer(const char *line, const char *document, int *leaving)
{
    if (strncmp(line, "restartmanager 1 query ", 23) == 0)
        return document && access(document, F_OK) == 0 ? "no a document is not saved\n" : "yes\n";
    if (strncmp(line, "restartmanager 1 end ", 21) == 0) {
        *leaving = 1; /* a real application saves here */
        return "done\n";
    }
    if (strcmp(line, "restartmanager 1 cancelled") == 0)
        return "";
    return "unknown\n";
}

/* One Restart Manager, until it leaves: then nobody is going to close us. */
static int converse(int connection, const char *document)
{
    char line[LINE_LIMIT + 1];
    size_t length = 0;
    int leaving = 0;

    while (!leaving && length < LINE_LIMIT) {
        ssize_t got = read(connection, line + length, 1);

        if (got <= 0)
            break;
        if (line[length] != '\n') {
            length++;
            continue;
        }
        line[length] = '\0';
        length = 0;
        puts(line);
        fflush(stdout);
        const char *reply = answer(line, document, &leaving);
        if (send(connection, reply, strlen(reply), MSG_NOSIGNAL) < 0)
            break;
    }
    return leaving;
}

int main(int count, char **words)
{
    struct sockaddr_un address = {0};
    int listener = make_socket(&address), leaving = 0;

    if (listener < 0) {
        fprintf(stderr, "no place to listen\n");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (!leaving) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        struct timeval silence = {.tv_sec = 5};

        if (connection < 0)
            continue;
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
        if (is_welcome(connection))
            leaving = converse(connection, count > 1 ? words[1] : NULL);
        close(connection);
    }
    unlink(address.sun_path);
    return 0;
}
