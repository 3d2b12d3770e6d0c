//! lineal-core
