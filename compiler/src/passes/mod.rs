//! Rewrites of the graph.
