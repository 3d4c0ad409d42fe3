// What the link (link.ts) needs of the records and swarms of its process. swarm-records.ts puts it together from pack.ts,
// apply.ts and catch-up.ts; tests of the protocol have a model in its place. Seconds are those of the process's clock.

export interface Records {
  /** Records of this process that have been lost on their way here, since the start. Wraps. */
  readonly lost: number
  /** Takes what the workers have noted; returns how many records wait. */
  collect(second: number): number
  /** Writes up to `recordsMax` of those of a family to `out[at]`, with their ages in `second`; returns how many. */
  take(out: Int32Array, at: number, recordsMax: number, ipv4: boolean, second: number): number
  /** Takes over a batch that has been checked. `addedAge`: seconds to add to its ages. */
  apply(batch: Int32Array, addedAge: number, second: number): void
  /** For one node that has missed something. */
  openWalk(seconds: number, second: number): SwarmWalk
}

/** Through all swarms of this process: who was heard of in the last so many seconds, and what was learnt in them. */
export interface SwarmWalk {
  readonly isDone: boolean
  /** Of what `next` has written. */
  readonly ipv4: boolean
  readonly ageUnit: number
  /** Writes up to `recordsMax` records of one family; returns how many, which may be none before it is done. */
  next(out: Int32Array, at: number, recordsMax: number, second: number): number
}
