//! lineal-data
