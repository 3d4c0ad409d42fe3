// The key that a connection has come with, in the path of its URL. Asked by upgrade.ts at the handshake, and by
// handle.ts for each message: keys end, and are taken from the list, while connections last for days. One per
// worker.
import type { KeyGate } from '../../access-keys/gate.ts'
import { PathKey } from '../../access-keys/path.ts'
import { KEY_MISSING, KEY_VALID } from '../../access-keys/verdict.ts'
import { requestPath } from '../../operations/request.ts'
import { Peer } from '../../swarm/peers/peer.ts'
import type { AddressKey } from '../../tcp/client-address.ts'
import type { Connection } from './connection.ts'

export class ConnectionKeys {
  /** Of the key in the URL that `check` was given last; null when there is none. */
  hash: Int32Array | null = null
  private readonly gate: KeyGate
  private readonly key = new PathKey()
  private readonly source = new Peer()

  constructor(gate: KeyGate) {
    this.gate = gate
  }

  setTime(now: number): void {
    this.gate.setTime(now)
  }

  /** What becomes of a handshake, as access-keys/verdict.ts has it. Also without need a key is noted: it may be asked for later. */
  check(url: string, { high, low }: AddressKey): number {
    const { gate, key, source } = this
    const bytes = Buffer.from(requestPath(url))
    key.find(bytes, 0, bytes.length)
    this.hash = gate.hashOf(bytes, key.from, key.to)
    if (!gate.required) return KEY_VALID
    source.ipv4 = high === 0 && low !== 0
    source.a0 = asInPacket(source.ipv4 ? low : high)
    source.a1 = source.ipv4 ? 0 : asInPacket(low)
    return gate.check(source, bytes, key.from, key.to)
  }

  /** What becomes of a message. */
  verdictOn({ keyHash }: Connection): number {
    if (!this.gate.required) return KEY_VALID
    return keyHash === null ? KEY_MISSING : this.gate.verdictOf(keyHash)
  }
}

/** A word of an address as peers have it, its first byte the lowest: over UDP it is the same source. And the other way round. */
export function asInPacket(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
