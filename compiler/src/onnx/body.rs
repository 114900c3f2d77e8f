//! Which values a node reads, those that the graphs in its attributes take from around them included.

use super::{Attribute, Body, Node};
use std::collections::HashSet;

impl Node {
    /// Names of the values it depends on. One may come more than once.
    pub fn reads(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.inputs.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        names.extend(self.bodies().flat_map(Body::reads));
        names
    }

    /// The graphs in its attributes.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        self.attributes.iter().filter_map(|(_, attribute)| match attribute {
            Attribute::Graph(body) => Some(&**body),
            _ => None,
        })
    }
}

impl Body {
    /// Names of the values it takes from the graph around it.
    fn reads(&self) -> Vec<&str> {
        let own: HashSet<&str> = self.defines().collect();
        let outputs = self.outputs.iter().map(String::as_str);
        let read = self.nodes.iter().flat_map(Node::reads).chain(outputs);
        read.filter(|name| !own.contains(name)).collect()
    }

    /// Names of the values that it defines.
    pub(crate) fn defines(&self) -> impl Iterator<Item = &str> {
        let initializers = self.initializers.iter().map(|(name, _)| name);
        let unread = self.unread.iter().map(|(name, _)| name);
        let outputs = self.nodes.iter().flat_map(|node| &node.outputs);
        let names = self.inputs.iter().chain(initializers).chain(unread).chain(outputs);
        names.map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Gives every value that it names another name.
    pub(crate) fn rename(&mut self, name: &mut dyn FnMut(&str) -> String) {
        let initializers = self.initializers.iter_mut().map(|(name, _)| name);
        let unread = self.unread.iter_mut().map(|(name, _)| name);
        let ports = self.inputs.iter_mut().chain(&mut self.outputs);
        for given in ports.chain(initializers).chain(unread).filter(|given| !given.is_empty()) {
            *given = name(given);
        }
        self.nodes.iter_mut().for_each(|node| node.rename(name));
    }
}

impl Node {
    /// Gives every value that it names, also in the graphs of its attributes, another name.
    pub(super) fn rename(&mut self, name: &mut dyn FnMut(&str) -> String) {
        for given in self.inputs.iter_mut().chain(&mut self.outputs).filter(|given| !given.is_empty()) {
            *given = name(given);
        }
        for (_, attribute) in &mut self.attributes {
            if let Attribute::Graph(body) = attribute {
                body.rename(name);
            }
        }
    }
}
