// Whether this node may speak under its name. Called by link.ts. A node listens for a while before it says anything; if it
// hears its own name, another node has it, and this one stays silent until that one is gone. When two that both speak meet,
// as after a partition, one of them stops. So what others hear under a name is always of one node.

/** Longer than the time between two beats. */
const LISTEN_MILLISECONDS = 2500
const GONE_MILLISECONDS = 5000
/** A process that takes over from another one has its name too, and waits for it to end. */
const TELL_MILLISECONDS = 10_000
/** And again, as long as it is taken. */
const TELL_AGAIN_MILLISECONDS = 60_000

export type PresenceState = 'offline' | 'listening' | 'joined' | 'taken'

export class Presence {
  state: PresenceState = 'offline'
  private readonly start: number
  private listenedAt = 0
  private heardAt = 0
  private takenAt = 0
  /** When the operator has to be told next. */
  private tellAt = 0

  constructor(start: number) {
    this.start = start
  }

  get hasName(): boolean {
    return this.state === 'joined'
  }

  get isTaken(): boolean {
    return this.takenAt !== 0
  }

  /** The name has been taken for so long that the operator has to know: by then, and once a minute from then on. */
  mustTell(now: number): boolean {
    if (this.state !== 'taken' || now < this.tellAt) return false
    this.tellAt = now + TELL_AGAIN_MILLISECONDS
    return true
  }

  /** For how long another node has had the name, in milliseconds. */
  takenFor(now: number): number {
    return now - this.takenAt
  }

  connected(now: number): void {
    if (this.state === 'offline') this.listen(now)
  }

  disconnected(): void {
    // Who has joined goes on where it was: what it says is numbered.
    if (this.state === 'listening') this.state = 'offline'
  }

  turn(now: number): void {
    if (this.state === 'taken' && now - this.heardAt >= GONE_MILLISECONDS) this.listen(now)
    if (this.state === 'listening' && now - this.listenedAt >= LISTEN_MILLISECONDS) {
      this.state = 'joined'
      this.takenAt = 0
    }
  }

  /** Somebody else has spoken under this name. */
  heardOwnName(start: number, isLeaving: boolean, now: number): void {
    if (isLeaving) {
      if (this.state === 'taken') this.listen(now)
      return
    }
    this.heardAt = now
    if (this.state === 'taken') return
    // Both know both numbers, so one of them goes on.
    if (this.state === 'joined' && this.start < start) return
    const hadJoined = this.state === 'joined'
    this.state = 'taken'
    // While it listens once more, it is still taken.
    if (this.takenAt !== 0) return
    this.takenAt = now
    this.tellAt = hadJoined ? now : now + TELL_MILLISECONDS
  }

  private listen(now: number): void {
    this.state = 'listening'
    this.listenedAt = now
  }
}

export function nameTaken(node: string): string {
  const remedy = 'Give each a [cluster] node of its own'
  return `another node has the name ${node}: this one shares nothing until the name is free. ${remedy}`
}
