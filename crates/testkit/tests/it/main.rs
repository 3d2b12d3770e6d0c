//! Each fault can be seen, each seed replays its run, and the world is fair.

mod conformance;
mod crash;
mod disk;
mod faults;
mod world;
