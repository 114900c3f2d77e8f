//! Back ends: each spells a [`Plan`](crate::plan::Plan) in its language.
