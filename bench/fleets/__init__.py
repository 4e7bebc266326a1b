"""One fleet of boxes per client stack, each answering the same commands in a process of its own.

`python -m bench.fleets KIND --host HOST --port PORT --count N` connects boxes `bench-00000` and up,
subscribes each to its commands, prints a `ConnectedLine`, answers every command until SIGTERM,
prints a `StoppedLine` and ends. `bench/c/epoll_box.c` does the same in C.
"""
