// One client's connection as its worker sees it, and the worker's slots for connections. Made when a handshake
// is accepted (upgrade.ts), dropped when the socket closes. Owns the connection's state; its peers in swarms
// are removed by handle.ts.
import { type ConnectionStates, GENERATION_MASK, SLOT_BITS } from '../../swarm/connections.ts'
import type { AddressWords } from '../../tcp/networks.ts'
import { FAMILY_IPV4, FAMILY_IPV6 } from './counters.ts'
import type { Memberships } from './memberships.ts'
import type { PendingOffers } from './pending-offers.ts'

/**
 * With this many messages waiting for the end of a turn, a connection gets no offers until they are sent.
 * Otherwise clients that answer faster than they are flushed would pile up offers without limit.
 */
export const OUTBOX_OFFERS_MAX = 32

/** What a connection's WebSocket can do (ws-socket.ts). */
export interface Socket {
  /** Bytes that wait because the client does not take them. */
  readonly unsentBytes: number
  /** The client's address, as a trusted proxy names it if there is one. */
  readonly client: AddressWords
  /** Sends whole frames, after what waits. False if it is broken. */
  write(address: number, bytes: number): boolean
  /** Closes it at the end of the turn: with a close frame, */
  close(code: number, reason: string): void
  /** or at once, without what waits. */
  terminate(): void
}

export interface ConnectionName {
  /** Identifies it for all workers, together with the generation. */
  readonly id: number
  readonly slot: number
  readonly generation: number
}

export class Connection implements ConnectionName {
  readonly id: number
  readonly slot: number
  readonly generation: number
  /** The address that it counts under, see tcp/connection-limits.ts. */
  readonly addressHigh: number
  readonly addressLow: number
  /** Where the counters of its address family begin. */
  readonly family: number
  socket: Socket | null = null
  /** Of the key in its URL, if there is one (connection-key.ts). */
  keyHash: Int32Array | null = null
  memberships: Memberships | null = null
  pendingOffers: PendingOffers | null = null
  /** Frames in the sender's arena: the first and the last record of them, −1 for none; how many are messages. */
  firstFrame = -1
  lastFrame = -1
  outbox = 0
  /** Bytes of their payloads. */
  queuedLength = 0
  /**
   * Bytes of payloads that wait: those, and what has been queued behind a backlog. Those of them that other clients
   * have caused.
   */
  outboxLength = 0
  relayedLength = 0
  /** Bytes that the socket did not take when the backlog began, as far as it still has them. */
  buffered = 0
  /** It is in the list of connections to flush. */
  waitsForFlush = false
  /** The socket has accepted less than it was given, and says when that changes. */
  backlog = false
  /** Until when its requests, refused ones included, are paid for (request-limits.ts); seconds. */
  requestsPaidUntil = 0
  refusedUntil = 0
  /** Refusals that were answered since that second. */
  told = 0
  toldSince = 0
  /** Second of the last message, and of the last message, ping or answer to a ping. */
  lastMessage: number
  lastLife: number
  /** Second of the next ping. */
  nextPing: number
  /** A ping is unanswered. */
  awaitsPong = false
  missedPing = false
  /** It is closing: anything it still sends is ignored. */
  closed = false

  constructor(
    { id, slot, generation }: ConnectionName,
    addressHigh: number,
    addressLow: number,
    now: number,
    nextPing: number,
  ) {
    this.id = id
    this.slot = slot
    this.generation = generation
    this.addressHigh = addressHigh
    this.addressLow = addressLow
    // IPv4 addresses are in the second word. Among IPv6 clients only this machine's own, ::1, has 0 in the
    // first.
    this.family = addressHigh === 0 && addressLow !== 0 ? FAMILY_IPV4 : FAMILY_IPV6
    this.lastMessage = now
    this.lastLife = now
    this.nextPing = nextPing
  }
}

/** Whether a connection has enough to do without further offers. */
function isBusy({ backlog, outbox, pendingOffers }: Connection): boolean {
  return backlog || outbox >= OUTBOX_OFFERS_MAX || (pendingOffers?.full ?? false)
}

/** The connections of one worker. */
export class Connections {
  readonly states: ConnectionStates
  count = 0
  /** Used for the first ping of new connections. */
  pingInterval: number
  private readonly worker: number
  private readonly slots: (Connection | null)[] = []
  private readonly generations: number[] = []
  /** Free slots, reused oldest first, so that generations repeat late. */
  private free: number[] = []
  private freed: number[] = []

  constructor(worker: number, states: ConnectionStates, pingInterval: number) {
    this.worker = worker
    this.states = states
    this.pingInterval = pingInterval
  }

  /** Slots that have ever been used, free ones included. */
  get slotCount(): number {
    return this.slots.length
  }

  open(addressHigh: number, addressLow: number, now: number): Connection {
    const slot = this.takeSlot()
    const generation = this.generations[slot]
    // Spread over the interval, even if all connections come at once.
    const firstPing = now + 1 + Math.floor(Math.random() * this.pingInterval)
    const id = (this.worker << SLOT_BITS) | slot
    const name = { id, slot, generation }
    const connection = new Connection(name, addressHigh, addressLow, now, firstPing)
    this.slots[slot] = connection
    this.count++
    this.states.setAddress(id, addressHigh, addressLow)
    this.states.setLife(id, now)
    this.publish(connection)
    return connection
  }

  /** A message, a ping, or an answer to a ping has arrived. */
  showedLife(connection: Connection, now: number): void {
    connection.awaitsPong = false
    if (connection.lastLife !== now) {
      connection.lastLife = now
      this.states.setLife(connection.id, now)
    }
    if (!connection.missedPing) return
    connection.missedPing = false
    this.publish(connection)
  }

  /** The worker read nothing for this long (seconds), which does not count as the connection's silence. */
  excuse(connection: Connection, seconds: number): void {
    connection.lastMessage += seconds
    connection.lastLife += seconds
    connection.nextPing += seconds
    if (connection.pendingOffers !== null) connection.pendingOffers.rotatedAt += seconds
    this.states.setLife(connection.id, connection.lastLife)
  }

  /** Its peers must have left: from now on the slot can get another connection. */
  close(connection: Connection): void {
    const { slot, generation, id } = connection
    connection.pendingOffers?.release()
    connection.pendingOffers = null
    this.states.close(id, generation)
    this.slots[slot] = null
    this.generations[slot] = (generation + 1) & GENERATION_MASK
    this.freed.push(slot)
    this.count--
  }

  at(slot: number): Connection | null {
    return this.slots[slot] ?? null
  }

  /** The open connection with this slot and generation, if this worker still has it. */
  find(slot: number, generation: number): Connection | null {
    const connection = this.slots[slot]
    if (connection === null || connection === undefined) return null
    return connection.generation === generation && !connection.closed ? connection : null
  }

  /** Publishes a connection's state to all workers. */
  publish(connection: Connection): void {
    const { id, generation, missedPing, closed } = connection
    // Its slot may have another connection by now.
    if (closed) return
    this.states.set(id, generation, missedPing, isBusy(connection))
  }

  private takeSlot(): number {
    if (this.free.length === 0 && this.freed.length > 0) {
      this.free = this.freed.reverse()
      this.freed = []
    }
    const slot = this.free.pop()
    if (slot !== undefined) return slot
    this.slots.push(null)
    this.generations.push(0)
    return this.slots.length - 1
  }
}
