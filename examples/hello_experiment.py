"""What a non-local block is, what it costs, and what films are to it: hello_experiment.py FILMS"""

import sys

import torch

from action_recog import network, network_cost, read_films

films = read_films(sys.argv[1])
print(f"{len(films.videos)} films of {len(films.classes)} categories: {', '.join(films.classes)}")
net = network("c2d-nl-r10", classes=len(films.classes))
print(network_cost(net, frames=8, size=112))
print(net(torch.zeros(1, 3, 8, 112, 112)).softmax(1))
