// Keys as tests have them: a list from a text, a gate that asks it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AccessKeys, KeyGate } from '../../src/access-keys/gate.ts'
import { createGuessLimits } from '../../src/access-keys/guess-limits.ts'
import { newHashKey } from '../../src/access-keys/key-hash.ts'
import { type ReadKeys, readKeyFile } from '../../src/access-keys/read-file.ts'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { inFolder } from '../support/folder.ts'

export const HASH_KEY = newHashKey()

/** What a file with this text holds. */
export function readKeys(text: string | Buffer): Promise<ReadKeys> {
  return inFolder((folder) => {
    const path = join(folder, 'keys')
    writeFileSync(path, text)
    return readKeyFile(path, HASH_KEY)
  })
}

export function gateOf(keys: Partial<AccessKeys> & Pick<AccessKeys, 'table'>): KeyGate {
  const data = { hashKey: HASH_KEY, guesses: createGuessLimits() }
  return new KeyGate(data, { required: true, guessesPerMinute: 0, ...keys })
}

/** Of 10.0.0.`n`. */
export function peerOf(n = 1): Peer {
  const peer = new Peer()
  peer.ipv4 = true
  peer.a0 = 10 | (n << 24)
  return peer
}

/** Asks for a key that lies somewhere in a path. */
export function verdictOn(gate: KeyGate, key: string, peer = peerOf()): number {
  const bytes = Buffer.from(`/${key}/announce`)
  return gate.check(peer, bytes, 1, 1 + Buffer.byteLength(key))
}
