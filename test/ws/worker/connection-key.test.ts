// The key in the URL of a connection, and whose guess it is.
import { describe, expect, test } from 'bun:test'
import { KeyGate } from '../../../src/access-keys/gate.ts'
import { createGuessLimits } from '../../../src/access-keys/guess-limits.ts'
import {
  KEY_GUESSES,
  KEY_MISSING,
  KEY_UNKNOWN,
  KEY_VALID,
} from '../../../src/access-keys/verdict.ts'
import { Peer } from '../../../src/swarm/peers/peer.ts'
import { addressKey } from '../../../src/tcp/client-address.ts'
import { Connection } from '../../../src/ws/worker/connection.ts'
import { ConnectionKeys } from '../../../src/ws/worker/connection-key.ts'
import { HASH_KEY, readKeys } from '../../access-keys/support.ts'
import { addressBytes } from '../../support/packets.ts'
import { setSource } from '../../udp/harness.ts'

const CLIENT = addressKey('192.0.2.7')

async function gates({ required = true, guessesPerMinute = 0 } = {}) {
  const data = { hashKey: HASH_KEY, guesses: createGuessLimits() }
  const { table } = await readKeys('one\n')
  const keys = { required, table, guessesPerMinute }
  const gate = new KeyGate(data, keys)
  return { gate, keys: new ConnectionKeys(gate), other: new KeyGate(data, keys) }
}

function connectionWith(keyHash: Int32Array | null): Connection {
  const connection = new Connection({ id: 0, slot: 0, generation: 0 }, 0, 1, 0, 0)
  connection.keyHash = keyHash
  return connection
}

describe('a handshake', () => {
  test.each([
    ['https://tracker/one/announce', KEY_VALID],
    ['https://tracker/announce/one?x=y', KEY_VALID],
    ['https://[::1]:3000/one', KEY_VALID],
    ['/one', KEY_VALID],
    ['https://tracker/', KEY_MISSING],
    ['https://tracker', KEY_MISSING],
    ['https://tracker/announce?key=one', KEY_MISSING],
    ['https://tracker/two/announce', KEY_UNKNOWN],
    ['https://tracker/%6fne/announce', KEY_UNKNOWN],
  ])('to %s', async (url, verdict) => {
    const { keys } = await gates()
    expect(keys.check(url, CLIENT)).toBe(verdict)
  })

  test.each(['192.0.2.7', '2001:db8:1:2:3:4:5:6'])(
    'counts guesses of %s as those of the same address over UDP',
    async (address) => {
      const { keys, other, gate } = await gates({ guessesPerMinute: 1 })
      gate.setTime(1000)
      other.setTime(1000)
      const key = addressKey(address)
      for (let i = 0; i < 10; i++) expect(keys.check('/two', key)).toBe(KEY_UNKNOWN)
      expect(keys.check('/one', key)).toBe(KEY_GUESSES)
      const peer = new Peer()
      setSource(peer, addressBytes(address))
      expect(other.check(peer, Buffer.from('one'), 0, 3)).toBe(KEY_GUESSES)
      setSource(peer, addressBytes('2001:db8:9::'))
      expect(other.check(peer, Buffer.from('one'), 0, 3)).toBe(KEY_VALID)
    },
  )
})

describe('a message', () => {
  test('goes by the key of its connection, as the list is now', async () => {
    const { keys, gate } = await gates()
    keys.check('/one', CLIENT)
    const connection = connectionWith(keys.hash)
    expect(keys.verdictOn(connection)).toBe(KEY_VALID)
    gate.replace({ required: true, table: (await readKeys('two\n')).table, guessesPerMinute: 0 })
    expect(keys.verdictOn(connection)).toBe(KEY_UNKNOWN)
  })

  test('of a connection from before keys were required goes by the key that it came with', async () => {
    const { keys, gate } = await gates({ required: false })
    const connections = ['/one', '/', '/two'].map((url) => {
      expect(keys.check(url, CLIENT)).toBe(KEY_VALID)
      return connectionWith(keys.hash)
    })
    expect(connections.map((each) => keys.verdictOn(each))).toEqual(Array(3).fill(KEY_VALID))
    gate.replace({ required: true, table: (await readKeys('one\n')).table, guessesPerMinute: 0 })
    expect(connections.map((each) => keys.verdictOn(each))).toEqual([
      KEY_VALID,
      KEY_MISSING,
      KEY_UNKNOWN,
    ])
  })
})
