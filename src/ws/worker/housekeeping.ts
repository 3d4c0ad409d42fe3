// A socket worker's periodic work on its connections: pings, silent ones, old offers, and those whose network is no longer
// served. `tick` is called once a second by the socket worker.
import type { ClientGate } from '../../client-lists/gate.ts'
import { DENIED_TEXTS } from '../../requests/refusals.ts'
import { PING, POLICY } from '../wire/frame.ts'
import type { Connection, Connections } from './connection.ts'
import { CLOSED_DENIED_NETWORK, CLOSED_SILENT, CLOSED_UNREACHABLE } from './counters.ts'
import type { Sender } from './send.ts'

const CLOSE_CODE_SILENT = 1000

/** More time between two ticks means that the worker did not read meanwhile: it was stopped, or overloaded. */
const PAUSE_SEC = 2

export interface HousekeepingSettings {
  readonly maxConnectionAge: number
  readonly pingInterval: number
  readonly maxOfferAge: number
}

type PingSender = Pick<Sender, 'control'>

const NOTHING = new Uint8Array(0)

export class Housekeeping {
  private readonly connections: Connections
  private readonly sender: PingSender
  private settings: HousekeepingSettings
  private readonly counts: Int32Array
  private now: number
  private hasWaited = false
  /** Whose networks are served; null until they have changed since the connections came. */
  private changed: ClientGate | null = null

  constructor(
    connections: Connections,
    sender: PingSender,
    settings: HousekeepingSettings,
    counts: Int32Array,
    now: number,
  ) {
    this.connections = connections
    this.sender = sender
    this.settings = settings
    this.counts = counts
    this.now = now
  }

  /** Changes settings at runtime; a scheduled ping stays as scheduled. */
  configure(settings: HousekeepingSettings): void {
    this.settings = settings
    this.connections.pingInterval = settings.pingInterval
  }

  /** Has those closed that the list excludes now: a handshake is judged only once. */
  networksChanged(clients: ClientGate): void {
    this.changed = clients
  }

  tick(now: number): void {
    const passed = now - this.now
    this.now = now
    // After a pause, waiting messages are read before connections are judged; not twice in a row, for a worker
    // that is always late.
    this.hasWaited = passed >= PAUSE_SEC && !this.hasWaited
    if (this.hasWaited) {
      this.excuseAll(passed)
      return
    }
    this.visitConnections(now)
  }

  /** Nothing is judged yet: what has come in a pause is read first. */
  get waits(): boolean {
    return this.hasWaited
  }

  private excuseAll(seconds: number): void {
    const { slotCount } = this.connections
    for (let slot = 0; slot < slotCount; slot++) {
      const connection = this.connections.at(slot)
      if (connection !== null) this.connections.excuse(connection, seconds)
    }
  }

  private visitConnections(now: number): void {
    const { changed } = this
    this.changed = null
    const { slotCount } = this.connections
    for (let slot = 0; slot < slotCount; slot++) {
      const connection = this.connections.at(slot)
      if (connection === null || connection.closed || connection.socket === null) continue
      this.rotateOffers(connection, now)
      if (changed?.deniesNetwork(connection.socket.client)) {
        this.counts[CLOSED_DENIED_NETWORK]++
        connection.socket.close(POLICY, DENIED_TEXTS.network)
      } else if (now - lastOf(connection) > this.settings.maxConnectionAge) {
        this.counts[CLOSED_SILENT]++
        connection.socket.close(CLOSE_CODE_SILENT, 'silent for too long')
      } else if (now >= connection.nextPing) {
        this.ping(connection, now)
      }
    }
  }

  /** After one unanswered ping others may take over its peers; after the second it is closed. */
  private ping(connection: Connection, now: number): void {
    if (connection.awaitsPong && connection.missedPing) {
      this.counts[CLOSED_UNREACHABLE]++
      connection.socket?.terminate()
      return
    }
    if (connection.awaitsPong) {
      connection.missedPing = true
      this.connections.publish(connection)
    }
    connection.awaitsPong = true
    connection.nextPing = now + this.settings.pingInterval
    this.sender.control(connection, PING, NOTHING, 0, 0)
  }

  private rotateOffers(connection: Connection, now: number): void {
    const { pendingOffers } = connection
    if (pendingOffers === null || now - pendingOffers.rotatedAt < this.settings.maxOfferAge) return
    const wasFull = pendingOffers.full
    pendingOffers.rotatedAt = now
    if (pendingOffers.rotate()) connection.pendingOffers = null
    if (wasFull) this.connections.publish(connection)
  }
}

/**
 * The second of its last sign of life. Without peers only messages count: otherwise it is of no use to anyone.
 */
function lastOf({ memberships, lastLife, lastMessage }: Connection): number {
  return (memberships?.count ?? 0) > 0 ? lastLife : lastMessage
}
