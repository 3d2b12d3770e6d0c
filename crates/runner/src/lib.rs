//! lineal-runner
