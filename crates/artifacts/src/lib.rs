//! lineal-artifacts
