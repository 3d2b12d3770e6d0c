//! lineal-testkit
