// The records and swarms of this process, as the link uses them. Used by the cluster's thread alone. Owns nothing.
import type { Swarms } from '../swarm/swarm.ts'
import type { Applier } from './apply.ts'
import { CatchUp } from './catch-up.ts'
import type { ClusterClock } from './cluster-clock.ts'
import type { Graves } from './graves.ts'
import { RECORD_WORDS_IPV4, RECORD_WORDS_IPV6 } from './layout.ts'
import type { Packer } from './pack.ts'
import type { Records, SwarmWalk } from './records.ts'

export interface SwarmRecordsOptions {
  readonly swarms: Swarms
  readonly graves: Graves
  readonly packer: Packer
  readonly applier: Applier
  readonly clock: ClusterClock
}

export class SwarmRecords implements Records {
  private readonly options: SwarmRecordsOptions

  constructor(options: SwarmRecordsOptions) {
    this.options = options
  }

  get lost(): number {
    return this.options.packer.lost
  }

  collect(second: number): number {
    const { packer } = this.options
    packer.collect(second)
    return packer.waiting
  }

  take(out: Int32Array, at: number, recordsMax: number, ipv4: boolean, second: number): number {
    const recordWords = ipv4 ? RECORD_WORDS_IPV4 : RECORD_WORDS_IPV6
    return this.options.packer.take(out, at, recordsMax, recordWords, second)
  }

  apply(batch: Int32Array, addedAge: number, second: number): void {
    this.options.applier.apply(batch, addedAge, second)
  }

  openWalk(seconds: number, second: number): SwarmWalk {
    const { applier } = this.options
    const oldest = applier.learnt.oldestSince(second - seconds, second)
    const back = Math.min(second - oldest, applier.maxPeerAge)
    return new AllSegments(new CatchUp(this.options), Math.max(seconds, back))
  }
}

/** One segment after the other. */
class AllSegments implements SwarmWalk {
  private readonly walk: CatchUp
  private readonly seconds: number
  private segment = 0

  constructor(walk: CatchUp, seconds: number) {
    this.walk = walk
    this.seconds = seconds
    walk.open(0, seconds)
  }

  get isDone(): boolean {
    return this.segment === this.walk.segments
  }

  get ipv4(): boolean {
    return this.walk.recordWords === RECORD_WORDS_IPV4
  }

  get ageUnit(): number {
    return this.walk.ageUnit
  }

  next(out: Int32Array, at: number, recordsMax: number, second: number): number {
    const records = this.walk.next(out, at, recordsMax, second)
    if (records > 0 || !this.walk.hasEnded) return records
    this.segment++
    if (!this.isDone) this.walk.open(this.segment, this.seconds)
    return 0
  }
}
