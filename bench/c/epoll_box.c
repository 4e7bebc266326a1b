// The floor: boxes in C on one epoll loop, with a hand-made MQTT 5 that knows just enough to answer.
//
//   epoll_box HOST PORT COUNT
//
// Connects COUNT boxes, at most 64 at a time, subscribes each to cars/bench-NNNNN/command at QoS 1,
// prints one JSON line when all are connected, and answers each command with a PUBACK and a fixed
// `executed` until SIGTERM, when it prints a second line. The lines are those of bench.fleets.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTS_IN_FLIGHT = 64, BOXES_PER_ADDRESS = 1000, BUFFER_BYTES = 65536, EVENTS = 256 };
enum { CONNACK = 2, PUBLISH = 3, SUBACK = 9, PUBLISH_AT_QOS_1 = 0x32, PUBACK_HEADER = 0x40 };

static const char PAYLOAD[] = "{\"command_id\":\"bench\",\"phase\":\"executed\"}";
static const int IP_BIND_ADDRESS_NO_PORT_OPTION = 24;  // linux/in.h; absent from some libcs

typedef struct {
    int fd;
    uint16_t packet_id;
    uint16_t kept_bytes;  // of a packet that has not come whole
    uint8_t *kept;
} Box;

static Box *boxes;
static int count, started, connected, epoll_fd;
static long answered;
static struct sockaddr_in broker;
static uint8_t input[2 * BUFFER_BYTES];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static long rss_bytes(void) {
    long size = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (!statm || fscanf(statm, "%ld %ld", &size, &resident) != 2) die("/proc/self/statm");
    fclose(statm);
    return resident * sysconf(_SC_PAGESIZE);
}

static void start_next(void) {
    int index = started++;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT_OPTION, &one, sizeof one);
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index / BOXES_PER_ADDRESS));
    if (bind(fd, (struct sockaddr *)&source, sizeof source)) die("bind");
    if (connect(fd, (struct sockaddr *)&broker, sizeof broker) && errno != EINPROGRESS)
        die("connect");
    boxes[index].fd = fd;
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = (uint32_t)index};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
}

static void send_all(int index, const uint8_t *bytes, size_t size) {
    if (send(boxes[index].fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) die("send");
}

static size_t put_text(uint8_t *out, const char *text, int size) {
    out[0] = (uint8_t)(size >> 8);
    out[1] = (uint8_t)size;
    memcpy(out + 2, text, (size_t)size);
    return 2 + (size_t)size;
}

static void say_connect(int index) {
    uint8_t packet[64] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 5, 2 /* clean start */, 2, 0x58, 0};
    char id[16];
    size_t size = 13 + put_text(packet + 13, id, snprintf(id, sizeof id, "bench-%05d", index));
    packet[1] = (uint8_t)(size - 2);
    send_all(index, packet, size);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)index};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, boxes[index].fd, &event)) die("epoll_ctl");
}

static void say_subscribe(int index) {
    uint8_t packet[64] = {0x82, 0, 0, 1, 0};
    char topic[40];
    int length = snprintf(topic, sizeof topic, "cars/bench-%05d/command", index);
    size_t size = 5 + put_text(packet + 5, topic, length);
    packet[size++] = 1;  // QoS 1
    packet[1] = (uint8_t)(size - 2);
    send_all(index, packet, size);
}

static void answer(int index, const uint8_t *body) {
    size_t topic_bytes = (size_t)body[0] << 8 | body[1];
    const uint8_t *id = body + 2 + topic_bytes;
    uint8_t packet[160] = {PUBACK_HEADER, 2, id[0], id[1], PUBLISH_AT_QOS_1};
    uint16_t packet_id = ++boxes[index].packet_id ? boxes[index].packet_id
                                                  : ++boxes[index].packet_id;
    char topic[40];
    int length = snprintf(topic, sizeof topic, "cars/bench-%05d/result", index);
    size_t size = 6 + put_text(packet + 6, topic, length);
    packet[size++] = (uint8_t)(packet_id >> 8);
    packet[size++] = (uint8_t)packet_id;
    packet[size++] = 0;  // no properties
    memcpy(packet + size, PAYLOAD, sizeof PAYLOAD - 1);
    size += sizeof PAYLOAD - 1;
    packet[5] = (uint8_t)(size - 6);
    send_all(index, packet, size);
    answered++;
}

static void handle(int index, uint8_t header, const uint8_t *body) {
    switch (header >> 4) {
        case CONNACK:
            if (body[1]) die("CONNACK refuses");
            say_subscribe(index);
            break;
        case SUBACK:
            connected++;
            if (started < count) start_next();
            break;
        case PUBLISH:
            answer(index, body);
            break;
        default:
            break;  // PUBACK of our answer
    }
}

// Returns the size of the first packet in `bytes`, 0 when it is not whole; sets where its body is.
static size_t packet_size(const uint8_t *bytes, size_t size, size_t *body) {
    size_t length = 0;
    for (size_t at = 1; at < size && at < 5; at++) {
        length |= (size_t)(bytes[at] & 127) << (7 * (at - 1));
        if (!(bytes[at] & 128)) {
            *body = at + 1;
            return at + 1 + length <= size ? at + 1 + length : 0;
        }
    }
    return 0;
}

static void read_box(int index) {
    Box *box = &boxes[index];
    size_t size = box->kept_bytes, at = 0, body = 0, whole;
    if (size) memcpy(input, box->kept, size);
    ssize_t got = recv(box->fd, input + size, BUFFER_BYTES, 0);
    if (got <= 0) {
        if (got < 0 && errno == EAGAIN) return;
        die("the broker closed a connection");
    }
    size += (size_t)got;
    while ((whole = packet_size(input + at, size - at, &body))) {
        handle(index, input[at], input + at + body);
        at += whole;
    }
    free(box->kept);
    box->kept = NULL;
    box->kept_bytes = (uint16_t)(size - at);
    if (box->kept_bytes) {
        box->kept = malloc(box->kept_bytes);
        if (!box->kept) die("malloc");
        memcpy(box->kept, input + at, box->kept_bytes);
    }
}

static int signal_fd(void) {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    int fd = signalfd(-1, &stop, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event)) die("signalfd");
    return fd;
}

static void serve(double start_s, double start_cpu_s, long baseline) {
    struct epoll_event events[EVENTS];
    int has_reported = 0;
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.u32 == UINT32_MAX) return;
            if (events[i].events & EPOLLOUT)
                say_connect((int)events[i].data.u32);
            else
                read_box((int)events[i].data.u32);
        }
        if (connected == count && !has_reported) {
            has_reported = 1;
            printf("{\"connected\":%d,\"seconds\":%.6f,\"baseline_rss_bytes\":%ld,"
                   "\"rss_bytes\":%ld,\"cpu_s\":%.6f}\n",
                   connected, seconds(CLOCK_MONOTONIC) - start_s, baseline, rss_bytes(),
                   seconds(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_s);
            fflush(stdout);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: epoll_box HOST PORT COUNT\n");
        return 2;
    }
    broker.sin_family = AF_INET;
    broker.sin_port = htons((uint16_t)atoi(argv[2]));
    count = atoi(argv[3]);
    if (inet_pton(AF_INET, argv[1], &broker.sin_addr) != 1 || count < 1) die("arguments");
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    epoll_fd = epoll_create1(0);
    if (epoll_fd < 0) die("epoll_create1");
    signal_fd();
    long baseline = rss_bytes();
    double start_s = seconds(CLOCK_MONOTONIC), start_cpu_s = seconds(CLOCK_PROCESS_CPUTIME_ID);
    boxes = calloc((size_t)count, sizeof *boxes);
    if (!boxes) die("calloc");
    while (started < count && started < CONNECTS_IN_FLIGHT) start_next();
    serve(start_s, start_cpu_s, baseline);
    printf("{\"answered\":%ld,\"rss_bytes\":%ld,\"cpu_s\":%.6f}\n", answered, rss_bytes(),
           seconds(CLOCK_PROCESS_CPUTIME_ID));
    return 0;
}
