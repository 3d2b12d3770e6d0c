use std::collections::VecDeque;

/// Puts together what replicas saw, each the oldest first, as if it had come alternately: the newest of both are the last ones.
pub(crate) fn in_turns<T>(ours: impl IntoIterator<Item = T>, theirs: impl IntoIterator<Item = T>) -> VecDeque<T> {
    let (mut ours, mut theirs): (VecDeque<T>, VecDeque<T>) = (ours.into_iter().collect(), theirs.into_iter().collect());
    let mut joined = VecDeque::with_capacity(ours.len() + theirs.len());
    while ours.len().max(theirs.len()) > 0 {
        let longest = ours.len().max(theirs.len());
        for row in [&mut theirs, &mut ours] {
            if row.len() == longest {
                joined.extend(row.pop_front());
            }
        }
    }
    joined
}
