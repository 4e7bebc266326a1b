// The floor of a probe: sends commands at a rate and times their answers, in C on one epoll loop.
//
//   epoll_driver HOST PORT RATE < COMMANDS
//
// Reads the commands, each as the sizes of topic and payload (16 bits, big endian) and these two,
// subscribes to cars/+/result, and publishes them at QoS 1, RATE a second in this order. A command's
// id ends with eight digits, its place. Prints one JSON line when all are answered, or none was for
// 3 s: how many were, and p50 and p99 from when each was due to its `executed`.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 20, LAST_ID = 65535, DIGITS = 8, QUIET_MS = 3000 };
enum { CONNACK = 2, PUBLISH = 3, SUBACK = 9, PUBACK_HEADER = 0x40, PUBLISH_AT_QOS_1 = 0x32 };

typedef struct {
    const uint8_t *topic, *payload;
    size_t topic_bytes, payload_bytes;
} Command;

static Command *commands;
static long total, sent, answered;
static double start_s, interval_s, *latencies_s;
static int sock, is_subscribed;
static uint8_t input[BUFFER_BYTES], output[BUFFER_BYTES];
static size_t pending_bytes;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void read_commands(void) {
    size_t size = 0, room = BUFFER_BYTES, got;
    uint8_t *all = malloc(room);
    while (all && (got = fread(all + size, 1, room - size, stdin))) {
        size += got;
        if (size == room) all = realloc(all, room *= 2);
    }
    if (!all) die("malloc");
    for (size_t at = 0; at < size; total++) {
        if (!(total & (total - 1))) {
            commands = realloc(commands, sizeof *commands * (size_t)(total ? 2 * total : 1));
            if (!commands) die("realloc");
        }
        size_t topic = (size_t)all[at] << 8 | all[at + 1];
        size_t payload = (size_t)all[at + 2] << 8 | all[at + 3];
        commands[total] = (Command){all + at + 4, all + at + 4 + topic, topic, payload};
        at += 4 + topic + payload;
    }
    latencies_s = calloc((size_t)total + 1, sizeof *latencies_s);
    if (!latencies_s) die("calloc");
}

static void flush_output(void) {
    for (size_t at = 0; at < pending_bytes;) {
        ssize_t written = send(sock, output + at, pending_bytes - at, MSG_NOSIGNAL);
        if (written <= 0) die("send");
        at += (size_t)written;
    }
    pending_bytes = 0;
}

static void put(const void *bytes, size_t size) {
    if (pending_bytes + size > sizeof output) flush_output();
    memcpy(output + pending_bytes, bytes, size);
    pending_bytes += size;
}

static void put_number(size_t number) {
    uint8_t bytes[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    put(bytes, sizeof bytes);
}

static void put_header(uint8_t type, size_t length) {
    uint8_t header[5] = {type};
    size_t size = 1;
    do {
        header[size++] = (uint8_t)((length & 127) | (length > 127 ? 128 : 0));
    } while (length >>= 7);
    put(header, size);
}

static void publish_next(void) {
    const Command *command = &commands[sent];
    put_header(PUBLISH_AT_QOS_1, 5 + command->topic_bytes + command->payload_bytes);
    put_number(command->topic_bytes);
    put(command->topic, command->topic_bytes);
    put_number((size_t)(sent++ % LAST_ID) + 1);
    put("", 1);  // no properties
    put(command->payload, command->payload_bytes);
}

static void take_result(uint8_t header, const uint8_t *body, size_t size, double at_s) {
    size_t topic = (size_t)body[0] << 8 | body[1];
    if (header & 6) {  // QoS 1: acknowledge
        uint8_t puback[4] = {PUBACK_HEADER, 2, body[2 + topic], body[3 + topic]};
        put(puback, sizeof puback);
    }
    static const char ID[] = "\"command_id\":\"", DONE[] = "\"executed\"";
    const uint8_t *id = memmem(body, size, ID, sizeof ID - 1);
    if (!id || !memmem(body, size, DONE, sizeof DONE - 1)) return;
    id += sizeof ID - 1;
    const uint8_t *end = memchr(id, '"', size - (size_t)(id - body));
    if (!end || end - id < DIGITS) return;
    long place = strtol((const char *)end - DIGITS, NULL, 10);
    if (place >= 0 && place < total)
        latencies_s[answered++] = at_s - (start_s + (double)place * interval_s);
}

// Handles the whole packets in `input` and returns how many bytes of it they were.
static size_t take_packets(size_t size, double at_s) {
    size_t at = 0;
    for (;;) {
        size_t length = 0, head = 1;
        for (;; head++) {
            if (head > 4 || at + head >= size) return at;
            length |= (size_t)(input[at + head] & 127) << (7 * (head - 1));
            if (!(input[at + head] & 128)) break;
        }
        head++;
        if (at + head + length > size) return at;
        uint8_t header = input[at];
        if (header >> 4 == CONNACK) {
            static const uint8_t TOPIC[] = "cars/+/result";
            put_header(0x82, 5 + sizeof TOPIC - 1 + 1);
            put_number(1);
            put("", 1);
            put_number(sizeof TOPIC - 1);
            put(TOPIC, sizeof TOPIC - 1);
            put("\1", 1);
        } else if (header >> 4 == SUBACK) {
            is_subscribed = 1;
        } else if (header >> 4 == PUBLISH) {
            take_result(header, input + at + head, length, at_s);
        }
        at += head + length;
    }
}

static int by_size(const void *one, const void *other) {
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static double quantile_ms(double share) {
    long place = (long)(share * (double)answered + 0.999999) - 1;
    return answered ? 1e3 * latencies_s[place < 0 ? 0 : place] : -1.0;
}

static void start_timer(int timer) {
    struct itimerspec every = {{0, (long)(interval_s * 1e9)}, {0, (long)(interval_s * 1e9)}};
    start_s = now_s() + interval_s;
    if (timerfd_settime(timer, 0, &every, NULL)) die("timerfd_settime");
}

static void serve(void) {
    int epoll_fd = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event events[2] = {{.events = EPOLLIN, .data.fd = sock},
                                    {.events = EPOLLIN, .data.fd = timer}};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, sock, &events[0])) die("epoll_ctl");
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer, &events[1])) die("epoll_ctl");
    size_t kept = 0;
    double heard_s = now_s();
    while (answered < total && now_s() - heard_s < QUIET_MS * 1e-3) {
        int ready = epoll_wait(epoll_fd, events, 2, QUIET_MS);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == timer) {
                uint64_t due = 0;
                if (read(timer, &due, sizeof due) != sizeof due) continue;
                while (due-- && sent < total) publish_next();
                continue;
            }
            ssize_t got = recv(sock, input + kept, sizeof input - kept, 0);
            if (got <= 0) die("the broker closed the connection");
            heard_s = now_s();
            size_t size = kept + (size_t)got, taken = take_packets(size, heard_s);
            memmove(input, input + taken, kept = size - taken);
            if (is_subscribed == 1) {
                is_subscribed = 2;
                start_timer(timer);
            }
        }
        flush_output();
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: epoll_driver HOST PORT RATE < COMMANDS\n");
        return 2;
    }
    interval_s = 1.0 / atof(argv[3]);
    read_commands();
    struct sockaddr_in broker = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)atoi(argv[2]))};
    int one = 1;
    sock = socket(AF_INET, SOCK_STREAM, 0);
    if (sock < 0 || inet_pton(AF_INET, argv[1], &broker.sin_addr) != 1) die("arguments");
    if (connect(sock, (struct sockaddr *)&broker, sizeof broker)) die("connect");
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    static const uint8_t CONNECT[] = {0x10, 21, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 0,
                                      0,    0,  8, 'c', '-', 'd', 'r', 'i', 'v', 'e', 'r'};
    put(CONNECT, sizeof CONNECT);
    flush_output();
    serve();
    qsort(latencies_s, (size_t)answered, sizeof *latencies_s, by_size);
    printf("{\"sent\":%ld,\"answered\":%ld,\"p50_ms\":%.4f,\"p99_ms\":%.4f}\n", sent, answered,
           quantile_ms(0.50), quantile_ms(0.99));
    return 0;
}
