//! placeholder
/// placeholder
pub struct MappedArray;
