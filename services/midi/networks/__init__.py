"""The network as a graph, from its official weights."""
