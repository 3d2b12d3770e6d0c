lineal_core::name_type! {
    /// Names a line of commits that moves with each of them.
    pub struct BranchName;
}

lineal_core::name_type! {
    /// Names one commit, and stays there unless it is moved by force.
    pub struct TagName;
}
