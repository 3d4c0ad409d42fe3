// Which of two things that different nodes tell of a peer came first, in seconds of this machine's clock. Used by
// pack.ts and apply.ts.
//
// A time travels as an age in whole seconds. With two roundings on the way, two nodes may compute times of the same two
// events that differ by two seconds, so what is not further apart has happened in the same moment:
//  - a leave undoes an announce of the same moment. It carries the time of the youngest announce that its node knew
//    (note.ts), so that one it did not know of is not undone;
//  - a seeder stays one, unless it has changed its role at this moment.
// Both are the same in whatever order the records come, so that all nodes come to the same.

export const SAME_MOMENT_SEC = 2
