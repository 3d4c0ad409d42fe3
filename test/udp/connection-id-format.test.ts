// How an id is made, computed again from what src/udp/wire/connection-id.ts draws. A tracker that takes over from
// another one takes its secret and has to accept its ids, also when it is of another version.
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { macWords } from '../../src/memory/half-sip-hash.ts'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { ConnectionIds } from '../../src/udp/wire/connection-id.ts'
import { addressBytes } from '../support/packets.ts'
import { setSource, wordOf } from './harness.ts'

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i * 7 + 1)

describe.each(['192.0.2.7', '2001:db8:1:2:3:4:5:6'])('an id for %s', (text) => {
  test.each([1, 4095, 4096, 50_000, 100_000])('in second %d', (now) => {
    const address = addressBytes(text)
    const words = Array.from({ length: address.length / 4 }, (_, i) => wordOf(address, i * 4))
    const epoch = Math.floor(now / 4096)
    const key = createHash('sha256').update(SECRET).update(`epoch ${epoch}`).digest()
    const message = Int32Array.of(now, ...words)
    const hash = new Int32Array(2)
    macWords(message, 0, message.length, key.readInt32LE(0), key.readInt32LE(4), hash)
    const id = Buffer.alloc(8)
    id.writeInt32LE(hash[0] << 16, 0)
    id.writeUInt16LE(now & 0xffff, 0)
    id.writeInt32LE(hash[1], 4)

    const ids = new ConnectionIds(SECRET, 300)
    ids.setTime(now)
    const peer = new Peer()
    setSource(peer, address)
    ids.issue(peer)
    expect(Buffer.from(Int32Array.of(ids.id0, ids.id1).buffer)).toEqual(id)
  })
})
