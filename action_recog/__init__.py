"""Films worth learning from: non-local networks, video protocols and the UCF101 experiment."""
