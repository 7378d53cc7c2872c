//! What operations give: the results of their definitions, of NumPy and of SciPy. One program, because
//! each would compile the operations anew.

mod corpus;
mod dct;
mod evaluation;
mod expression;
mod expression_numpy;
mod fft2;
mod fftn;
mod generate;
mod generate_numpy;
mod histogram;
mod map_tiles;
mod quantile;
mod reduce;
mod rfft;
mod scan;
mod scipy;
mod spectral;
mod stats;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod tiling;
mod transpose_in_place;
