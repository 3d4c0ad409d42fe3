// Keys of private trackers over UDP: in the URL that clients add to announces (BEP 41).
import { describe, expect, test } from 'bun:test'
import type { KeyGate } from '../../src/access-keys/gate.ts'
import { OPTION_BYTES_MAX, readPath } from '../../src/udp/wire/options.ts'
import { gateOf, readKeys } from '../access-keys/support.ts'
import {
  addressBytes,
  announceRequest,
  connectRequest,
  infoHash,
  readAnnounce,
  readError,
  scrapeRequest,
} from '../support/packets.ts'
import { randomWords } from '../support/random.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { present, UdpHarness } from './harness.ts'

const CLIENT = '192.0.2.7'
const KEY = 'Zb6cK9-valid_key'
const ANNOUNCE_BYTES = 98
const END = 0
const NOP = 1
const URL_DATA = 2

const MISSING = 'Access key missing: use the announce URL that you were given'
const UNKNOWN = 'Access key unknown'
const ENDED = 'Access key has expired'
const GUESSES = 'Too many unknown access keys from this address: try again later'

const urlData = (text: string) => Buffer.from([URL_DATA, text.length, ...Buffer.from(text)])

async function keys(required = true, guessesPerMinute = 0): Promise<KeyGate> {
  const { table } = await readKeys(`${KEY}\nold 2001-01-01\n${'x'.repeat(128)}\n`)
  return gateOf({ required, table, guessesPerMinute })
}

/** What an announce with these options is told; '' when it is served. */
function refusal(harness: UdpHarness, options: Uint8Array, from = CLIENT, port = 6881): string {
  const fields = { trailing: Buffer.from(options), port }
  const packet = present(harness.send(announceRequest(harness.connect(from), fields), from))
  if (packet.readUInt32BE(0) === 3) return readError(packet).text
  readAnnounce(packet, 4)
  return ''
}

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  test.each([
    ['a key in front', urlData(`/${KEY}/announce`), ''],
    ['a key behind', urlData(`/announce/${KEY}`), ''],
    ['a key alone', urlData(`/${KEY}`), ''],
    ['a query behind it', urlData(`/${KEY}/announce?a=b&c=/d`), ''],
    ['the longest key', urlData(`/announce/${'x'.repeat(128)}?`), ''],
    [
      'data in several options',
      Buffer.concat([urlData('/Zb6cK9-va'), urlData('lid_key/announce')]),
      '',
    ],
    [
      'what is to be ignored around it',
      Buffer.from([NOP, NOP, 77, 2, 9, 9, NOP, ...urlData(`/${KEY}`), 200, 0, NOP, END, 2, 9]),
      '',
    ],
    ['empty data before it', Buffer.concat([urlData(''), urlData(`/${KEY}`)]), ''],
    ['no options', Buffer.alloc(0), MISSING],
    ['the end before it', Buffer.from([END, ...urlData(`/${KEY}`)]), MISSING],
    ['data that are cut', urlData(`/${KEY}`).subarray(0, -1), MISSING],
    [
      'an option without a length behind it',
      Buffer.from([...urlData(`/${KEY}`), URL_DATA]),
      MISSING,
    ],
    ['another option that is cut', Buffer.from([...urlData(`/${KEY}`), 9, 3, 1, 1]), MISSING],
    ['no path', urlData('?passkey=x'), MISSING],
    ['the path of everybody', urlData('/announce'), MISSING],
    ['an unknown key', urlData('/nobody/announce'), UNKNOWN],
    ['a key in another case', urlData(`/${KEY.toLowerCase()}/announce`), UNKNOWN],
    ['more than a key', urlData(`/announce/${'x'.repeat(129)}`), UNKNOWN],
    ['a key that has ended', urlData('/old/announce'), ENDED],
  ])('an announce with %s', async (_, options, expected) => {
    const harness = new UdpHarness({ keys: await keys() })
    expect(refusal(harness, options)).toBe(expected)
  })

  test('refusals are counted by reason, and add no peer', async () => {
    const harness = new UdpHarness({ keys: await keys() })
    const texts = ['', '/announce', '/nobody/announce', '/old/announce', `/${KEY}/announce`]
    for (const [i, text] of texts.entries()) refusal(harness, urlData(text), CLIENT, 100 + i)
    expect(harness.counts).toMatchObject({
      requests_announce: 5,
      responses_announce: 1,
      responses_error: 4,
      rejected_key_missing: 2,
      rejected_key_unknown: 1,
      rejected_key_ended: 1,
    })
    expect(harness.announce(CLIENT, { trailing: urlData(`/${KEY}`), port: 2 }).leechers).toBe(1)
  })

  test('without an own connection id nothing of a key is looked at or answered', async () => {
    const harness = new UdpHarness({ keys: await keys() })
    const packet = announceRequest(Buffer.alloc(8), { trailing: urlData('/nobody') })
    expect(harness.send(packet, CLIENT)).toBeNull()
    expect(harness.counts).toEqual({ rejected_connection_id: 1 })
  })

  test('a scrape gets an error, since it cannot carry a key', async () => {
    const harness = new UdpHarness({ keys: await keys() })
    expect(refusal(harness, urlData(`/${KEY}`))).toBe('')
    const request = scrapeRequest(harness.connect(CLIENT), [infoHash(1)])
    const answer = present(harness.send(request, CLIENT))
    expect(readError(answer).text).toBe('Access key missing: scrapes over UDP cannot carry one')
    expect(harness.counts).toMatchObject({ requests_scrape: 1, rejected_key_missing: 1 })
  })

  test('an address that guesses is refused, valid keys and all', async () => {
    const harness = new UdpHarness({ keys: await keys(true, 1) })
    for (let i = 0; i < 10; i++) expect(refusal(harness, urlData(`/no-${i}`))).toBe(UNKNOWN)
    for (const key of ['no', KEY]) expect(refusal(harness, urlData(`/${key}`))).toBe(GUESSES)
    expect(refusal(harness, urlData(`/${KEY}`), '192.0.2.8')).toBe('')
    expect(harness.counts).toMatchObject({ rejected_key_unknown: 10, rejected_key_guesses: 2 })
  })

  test('where no key is asked for, options do not matter', async () => {
    const harness = new UdpHarness({ keys: await keys(false) })
    for (const options of [Buffer.alloc(0), urlData('/nobody'), Buffer.from([URL_DATA])]) {
      expect(refusal(harness, options)).toBe('')
    }
    expect(harness.scrape(CLIENT, infoHash(1))[0].leechers).toBe(1)
  })
})

/** Options read for clarity, as a model: the URL data, null when the options are no options. */
function naivePath(packet: Buffer): string {
  let left = [...packet.subarray(ANNOUNCE_BYTES, ANNOUNCE_BYTES + OPTION_BYTES_MAX)]
  let path = ''
  while (left.length > 0 && left[0] !== END) {
    if (left[0] === NOP) {
      left = left.slice(1)
      continue
    }
    if (left.length === 1 || left.length < 2 + left[1]) return ''
    if (left[0] === URL_DATA) path += String.fromCharCode(...left.slice(2, 2 + left[1]))
    left = left.slice(2 + left[1])
  }
  return path
}

describe('options', () => {
  const out = new Uint8Array(139)
  const words = new Int32Array(new ArrayBuffer(5184 + 64))
  const memory = Buffer.from(words.buffer)
  const at = 4

  function pathOf(packet: Buffer): string {
    memory.fill(URL_DATA)
    memory.set(packet, at * 4)
    out.fill(0)
    const length = readPath(words, at, packet.length, out)
    return Buffer.from(out.subarray(0, length)).toString('latin1')
  }

  test('of any kind are read as a naive reader reads them, and never beyond the packet', () => {
    const random = randomWords(Number(process.env.TEST_SEED ?? 41))
    const upTo = (most: number) => (random() >>> 1) % most
    for (let round = 0; round < 30_000; round++) {
      const parts: Buffer[] = []
      const pieces = upTo(6)
      for (let i = 0; i < pieces; i++) {
        const kind = upTo(8)
        const size = upTo(10) === 0 ? upTo(256) : upTo(20)
        const data = Buffer.from(Array.from({ length: size }, () => upTo(256)))
        if (kind === 0) parts.push(Buffer.from([NOP]))
        else if (kind === 1) parts.push(Buffer.from([upTo(256)]))
        else if (kind === 2) parts.push(Buffer.from([3 + upTo(250), size, ...data]))
        else parts.push(Buffer.from([URL_DATA, size, ...data]))
      }
      let options = Buffer.concat(parts)
      // Then mutated: cut, or one byte changed.
      if (upTo(3) === 0 && options.length > 0) options[upTo(options.length)] = upTo(256)
      if (upTo(3) === 0) options = options.subarray(0, upTo(options.length + 1))
      const packet = Buffer.concat([Buffer.alloc(ANNOUNCE_BYTES), options])
      const expected = naivePath(packet).slice(0, out.length)
      if (pathOf(packet) !== expected) {
        throw new Error(`${options.toString('hex')}: «${pathOf(packet)}», not «${expected}»`)
      }
    }
  })

  test('of every length are read', () => {
    for (let length = ANNOUNCE_BYTES; length <= 5184; length += length < 1300 ? 1 : 97) {
      const packet = Buffer.alloc(length, NOP)
      expect(pathOf(packet)).toBe('')
      packet.set(urlData('/abc').subarray(0, length - ANNOUNCE_BYTES), ANNOUNCE_BYTES)
      expect(pathOf(packet)).toBe(naivePath(packet))
    }
  })

  test('behind a kilobyte are not looked at', () => {
    const packet = (nops: number) =>
      Buffer.concat([Buffer.alloc(ANNOUNCE_BYTES), Buffer.alloc(nops, NOP), urlData('/abc')])
    expect(pathOf(packet(OPTION_BYTES_MAX - 6))).toBe('/abc')
    expect(pathOf(packet(OPTION_BYTES_MAX - 5))).toBe('')
    expect(pathOf(packet(OPTION_BYTES_MAX))).toBe('')
  })
})

test('errors of keys are no larger than an announce', async () => {
  const harness = new UdpHarness({ keys: await keys() })
  const from = addressBytes(CLIENT)
  const id = present(harness.send(connectRequest(), from)).subarray(8, 16)
  for (const path of ['', '/nobody', '/old']) {
    const request = announceRequest(id, { trailing: urlData(path) })
    expect(present(harness.send(request, from)).length).toBeLessThanOrEqual(request.length)
  }
})
