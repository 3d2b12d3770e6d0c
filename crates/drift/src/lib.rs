//! lineal-drift
