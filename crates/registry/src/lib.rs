//! lineal-registry
